"""Sums and collections over the ranks of a distributed run; on one process they are the identity.

Two processes on half batches must equal one process on the whole batch, in loss and in gradients. A loss that
every rank computes for its own anchors against everybody's features sends gradients to other ranks' features;
summing them over the ranks on the way back gives exactly the gradient of the total.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of ranks, 1 without a distributed run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's rank, 0 without a distributed run."""
    return dist.get_rank() if world_size() > 1 else 0


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """Sum over the ranks of a tensor of equal shape, without gradients (counts)."""
    if world_size() == 1:
        return tensor.detach()
    total = tensor.detach().clone()
    dist.all_reduce(total)
    return total


class _SumWithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor):
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient):
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def sum_over_ranks_with_gradient(tensor: Tensor) -> Tensor:
    """Sum over the ranks of a tensor of equal shape; its gradient is the sum of all ranks' gradients."""
    return tensor if world_size() == 1 else _SumWithGradient.apply(tensor)


class _GatherWithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor):
        parts = [torch.empty_like(tensor) for _ in range(world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx, gradient):
        total = gradient.contiguous()
        dist.all_reduce(total)
        return total[rank()]


def gather(tensor: Tensor) -> tuple[Tensor, int]:
    """All ranks' rows, one rank after the other, with gradients; ranks may hold different numbers of rows.

    Args:
        tensor: `[N, ...]`; the other sizes are equal on all ranks.

    Returns:
        `[N_all, ...]`, and the position at which this rank's own rows begin.
    """
    if world_size() == 1:
        return tensor, 0
    sizes = [torch.zeros(1, dtype=torch.long, device=tensor.device) for _ in range(world_size())]
    dist.all_gather(sizes, torch.tensor([tensor.shape[0]], device=tensor.device))
    rows = [int(size) for size in sizes]
    padded = torch.cat([tensor, tensor.new_zeros(max(rows) - tensor.shape[0], *tensor.shape[1:])])
    stacked = _GatherWithGradient.apply(padded)
    return torch.cat([part[:n] for part, n in zip(stacked, rows, strict=True)]), sum(rows[: rank()])
