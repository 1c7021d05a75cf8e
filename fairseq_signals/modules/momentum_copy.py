"""A copy of a module that follows it slowly: the target network of BYOL, the key encoder of MoCo.

Source: Grill et al. 2020 (https://arxiv.org/abs/2006.07733), section 3.1 for the copy and the cosine of its momentum;
He et al. 2020 (https://arxiv.org/abs/1911.05722), section 3.1, for a fixed one.

Differs: the copy stays in float32 under fp16 and bf16, where a step of one thousandth would round to nothing; it
follows the weights that the network computes with, which half precision has rounded. The public code of Mehari &
Strodthoff 2022 moves the weights alone and leaves the biases of the copy as they began.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy

import torch
from torch import Tensor, nn

from fairseq_signals.modules.float32 import StaysFloat32


class MomentumCopy(StaysFloat32, nn.Module):
    """A module's copy that gradients never reach and that no optimiser moves.

    Its parameters are in the state dict and move by `advance` alone. Its buffers, the running statistics of batch norm,
    are its own: they follow what the copy itself computes.
    """

    def __init__(self, online: nn.Module):
        """Args: `online` is the module to follow, of which no reference is kept."""
        super().__init__()
        self.module = deepcopy(online).float().requires_grad_(False)

    @torch.no_grad()
    def forward(self, inputs: Tensor, *more):
        """What the module gives, without gradients and computed in the precision of `inputs`."""
        with _precision_of(inputs):
            return self.module(inputs, *more)

    @torch.no_grad()
    def advance(self, online: nn.Module, momentum: float):
        """Every parameter becomes `momentum` times itself plus the rest times the online module's.

        Raises:
            ValueError: the momentum is not in 0 to 1, or the parameters are not those of the module copied.
        """
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum of a copy must lie in 0 to 1, got {momentum}")
        kept, moving = list(self.module.parameters()), list(online.parameters())
        if [one.shape for one in kept] != [other.shape for other in moving]:
            raise ValueError(
                f"the module that a copy follows must be the one it was made of ({len(kept)} parameters), got "
                f"{type(online).__name__} with {len(moving)} parameters or other shapes"
            )
        for one, other in zip(kept, moving, strict=True):
            one.lerp_(other.to(one.dtype), 1 - momentum)


def _precision_of(inputs: Tensor) -> AbstractContextManager:
    if inputs.dtype in (torch.float16, torch.bfloat16):
        return torch.autocast(inputs.device.type, inputs.dtype)
    return nullcontext()


def cosine_momentum(update: int, start: float, total: int) -> float:
    """The momentum at an update: from `start` to 1 along half a cosine, 1 from update `total` on.

    Raises:
        ValueError: `start` is not in 0 to 1, or `total` is not positive.
    """
    if not 0 <= start <= 1 or total <= 0:
        raise ValueError(f"momentum must start in 0 to 1 and rise over some updates, got {start} and {total} updates")
    return 1 - (1 - start) * (1 + math.cos(math.pi * min(update, total) / total)) / 2
