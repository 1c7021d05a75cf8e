"""A momentum copy that always works as in evaluation, so that what it gives of a window depends on no other window.

Source: Cai et al. 2021 (https://arxiv.org/abs/2101.08482), section 3.2, the moving average of batch norm's statistics
beside that of the weights; they train MoCo with it, without shuffling.

Differs: the statistics follow faster in the first updates, `(1 + n) / (10 + n)` in update `n` until that exceeds the
momentum. Batch norm begins with mean 0 and variance 1, which say nothing of the signal; at a momentum of 0.999 the copy
would compute with them for thousands of updates.
"""

import torch
from torch import nn

from fairseq_signals.modules.momentum_copy import MomentumCopy


class SteadyCopy(MomentumCopy):
    """A `MomentumCopy` in evaluation mode for ever: no dropout, batch norm by statistics that follow the module's own.

    Its buffers are not its own, as those of a `MomentumCopy` are: floating-point ones move by `advance_buffers`.
    """

    def __init__(self, online: nn.Module):
        """Args: `online` is the module to follow, of which no reference is kept."""
        super().__init__(online)
        self.eval()

    def train(self, mode: bool = True) -> "SteadyCopy":
        """Stays in evaluation mode, whatever the model around it is told."""
        return super().train(False)

    @torch.no_grad()
    def advance_buffers(self, online: nn.Module, momentum: float, update: int):
        """Buffers follow the online module's as parameters do, faster in the first updates.

        Args:
            online: the module copied.
            momentum: as for `advance`.
            update: the update that has just been made, counted from 0.
        """
        momentum = min(momentum, (1 + update) / (10 + update))
        for one, other in zip(self.module.buffers(), online.buffers(), strict=True):
            if one.is_floating_point():
                one.lerp_(other.to(one.dtype), 1 - momentum)
            else:
                one.copy_(other)
