"""Negatives drawn from the same window, on the device and without a loop."""

import torch
from torch import Tensor

from fairseq_signals.modules.pooling import valid_frames


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


def draw_candidates(counts: Tensor, frames: int, draws: int, number: int, generator: torch.Generator | None) -> Tensor:
    """Several draws of distinct valid frames from every window, uniformly and independently, without replacement.

    Args:
        counts: int64 `[B]`, valid frames of each window.
        frames: F, frames of a window with its padding.
        draws: G, draws per window.
        number: M, frames in each draw; all of them where a window has no more.
        generator: on the same device as `counts`; None for PyTorch's own.

    Returns:
        int64 `[B, G, min(M, F)]`, indices in random order; -1 behind the frames of a window that has fewer.
    """
    behind = ~valid_frames(counts, frames).unsqueeze(1)  # [B, 1, F]
    keys = torch.rand((len(counts), draws, frames), generator=generator, device=counts.device).masked_fill(behind, 2.0)
    keys, places = keys.topk(min(number, frames), dim=2, largest=False)
    return places.masked_fill(keys > 1.0, -1)
