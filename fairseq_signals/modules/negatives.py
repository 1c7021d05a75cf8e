"""Negatives drawn from the same window, on the device and without a loop."""

import torch
from torch import Tensor


def draw_negatives(chosen: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """For every frame, `number` frames among the other chosen ones of its window, uniformly, with replacement.

    Args:
        chosen: boolean `[B, F]`, the frames that may serve as targets (masked and valid).
        number: K, negatives per frame.
        generator: on the same device as `chosen`.

    Returns:
        int64 `[B, F, K]`, frame indices. Rows of frames that are not chosen, and rows of windows with fewer than
        two chosen frames, hold indices that mean nothing and must not be used.
    """
    batch, frames = chosen.shape
    count = chosen.sum(dim=1)  # [B]
    positions = (~chosen).to(torch.uint8).argsort(dim=1, stable=True)  # chosen frames first, in order
    rank = chosen.cumsum(dim=1) - 1  # [B, F], place of a chosen frame among the chosen
    uniform = torch.rand((batch, frames, number), generator=generator, device=chosen.device)
    others = (count - 1).clamp(min=1)[:, None, None]
    draw = (uniform * others).long().clamp(max=frames - 1).minimum(others - 1)
    draw = draw + (draw >= rank.unsqueeze(2)).long()  # step over the frame itself
    draw = draw.clamp(max=frames - 1)
    return positions.gather(1, draw.flatten(1)).view_as(draw)
