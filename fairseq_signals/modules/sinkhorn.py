"""Soft assignments to prototypes that use all prototypes equally.

Source: Caron et al. 2020 (https://arxiv.org/abs/2006.09882), section 3.1, after Cuturi 2013: three iterations, epsilon
0.05, continuous assignments.

Differs: the iterations run on logarithms, so that no small epsilon overflows or empties a prototype.
"""

import torch
from torch import Tensor

from fairseq_signals.modules.gather import gather


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.05, iterations: int = 3, counted: Tensor | None = None) -> Tensor:
    """Codes `[N, K]`, float32: each row sums to 1, and over the rows of all ranks each column to about the same.

    Args:
        scores: cosines `[N, K]` of this rank's features with the prototypes.
        epsilon: the smaller, the nearer a code is to a single prototype.
        iterations: alternating normalisations of columns and rows, at least one.
        counted: boolean `[N]`, rows that are no padding; the others have no share in the columns and zeros as codes.

    Raises:
        ValueError: epsilon or the number of iterations is not positive.
    """
    if not epsilon > 0 or iterations < 1:
        raise ValueError(f"epsilon and iterations of Sinkhorn must be positive, got {epsilon} and {iterations}")
    counted = torch.ones_like(scores[:, 0], dtype=torch.bool) if counted is None else counted
    hidden = ~counted.unsqueeze(1)
    logs = (scores.float() / epsilon).masked_fill(hidden, -torch.inf)
    for _ in range(iterations):
        logs = logs - _over_all_rows(logs)
        logs = logs - logs.logsumexp(dim=1, keepdim=True).masked_fill(hidden, 0.0)
    return logs.exp().masked_fill(hidden, 0.0)


def _over_all_rows(logs: Tensor) -> Tensor:
    """Logarithm of the sum over the rows of all ranks, `[1, K]`."""
    return gather(logs.logsumexp(dim=0, keepdim=True))[0].logsumexp(dim=0, keepdim=True)
