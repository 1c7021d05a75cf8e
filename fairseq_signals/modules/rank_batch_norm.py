"""Batch norm of features over the windows of all ranks.

PyTorch's own `SyncBatchNorm` knows GPUs only and counts padding.
"""

import torch
from torch import Tensor

from fairseq_signals.modules.gather import sum_over_ranks, sum_over_ranks_with_gradient, world_size
from fairseq_signals.modules.padded_convolution import SteadyBatchNorm


class RankBatchNorm(SteadyBatchNorm):
    """Batch norm of rows `[N, D]` by mean and variance of the counted rows of all ranks, as one process has them."""

    def forward(self, rows: Tensor, counted: Tensor | None = None) -> Tensor:
        """Normalised rows in their dtype.

        Args:
            rows: `[N, D]`.
            counted: boolean `[N]`, rows that are no padding; None where none is.
        """
        if not self.training or (counted is None and world_size() == 1):
            return super().forward(rows)
        if counted is None:
            counted = torch.ones_like(rows[:, 0], dtype=torch.bool)
        wide, hidden = rows.float(), ~counted.unsqueeze(1)
        number = sum_over_ranks(counted.sum().float())
        mean = _summed(wide, hidden) / number.clamp(min=1)
        centred = wide - mean
        variance = _summed(centred.square(), hidden) / number.clamp(min=1)
        self._follow(mean.detach(), variance.detach(), number)
        return (centred * (variance + self.eps).rsqrt() * self.weight + self.bias).to(rows.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, number: Tensor):
        unbiased = variance * number / (number - 1).clamp(min=1)
        share = self.momentum * (number > 1)  # one row has no variance, and no row no mean
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(unbiased, share)
        self.num_batches_tracked += 1


def _summed(rows: Tensor, hidden: Tensor) -> Tensor:
    return sum_over_ranks_with_gradient(rows.masked_fill(hidden, 0.0).sum(dim=0))
