"""Features of earlier updates, the newest of them: negatives for MoCo, company for SwAV's small batches.

Source: He et al. 2020 (https://arxiv.org/abs/1911.05722), section 3.1; Caron et al. 2020
(https://arxiv.org/abs/2006.09882), section 3.1.

Differs: what an update computes becomes visible when it has succeeded, all micro-batches and ranks at once, so that
every rank holds the same queue and a step that fp16 skipped leaves nothing behind. An unfilled queue says which of its
rows hold features instead of starting with random ones.
"""

import torch
from torch import Tensor, nn

from fairseq_signals.modules.float32 import StaysFloat32
from fairseq_signals.modules.gather import gather, rank, world_size


class FeatureQueue(StaysFloat32, nn.Module):
    """The last `size` features that were committed, float32, in the state dict.

    Attributes:
        features: `[Q, ...]`, in no particular order; zeros where `valid` is False.
        written: how many features were ever committed, int64 scalar.
    """

    features: Tensor
    written: Tensor

    def __init__(self, size: int, *shape: int):
        """Args: number of features to keep, and the shape of one (`dim`, or `views, dim`)."""
        super().__init__()
        if size < 1:
            raise ValueError(f"size of a feature queue must be positive, got {size}")
        self.register_buffer("features", torch.zeros(size, *shape))
        self.register_buffer("written", torch.zeros((), dtype=torch.long))
        self._staged: list[Tensor] = []

    @property
    def valid(self) -> Tensor:
        """Boolean `[Q]`: rows that hold a feature."""
        return torch.arange(len(self.features), device=self.features.device) < self.written

    def share(self) -> tuple[Tensor, Tensor]:
        """This rank's share of features and `valid`: the shares of all ranks hold every row once."""
        return self.features[rank() :: world_size()], self.valid[rank() :: world_size()]

    def stage(self, features: Tensor, counted: Tensor):
        """Keeps features `[N, ...]` for the end of the update, those where `counted` (boolean `[N]`) is True."""
        self._staged.append(features.detach().float()[counted])

    def discard(self):
        """Forgets what was staged: a new update begins, and the one before it was skipped."""
        self._staged.clear()

    def commit(self):
        """Puts what all ranks staged in place of the oldest features; every rank must call it."""
        rows = gather(torch.cat([self.features[:0], *self._staged]))[0]
        self.discard()
        size, first = len(self.features), max(0, len(rows) - len(self.features))
        place = (self.written + torch.arange(first, len(rows), device=rows.device)) % size
        self.features[place] = rows[first:]
        self.written += len(rows)
