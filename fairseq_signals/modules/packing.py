"""Frames that stay, in front: so that what falls away costs nothing."""

import torch
from torch import Tensor


def packed(mask: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Indices of the frames that stay, in their order.

    Args:
        mask: boolean `[B, F]`, frames that stay; None where all do.

    Returns:
        `kept` int64 `[B, F']`, as wide as the longest row needs and at least 1, and `counts` `[B]`: how many entries of
        each row are valid, the first ones. `kept` is None where every frame stays, `counts` where no row is shorter
        than others, which spares attention its mask.
    """
    if mask is None:
        return None, None
    counts = mask.sum(dim=1)
    fewest, most = (int(n) for n in torch.stack(counts.aminmax()).tolist()) if len(counts) else (0, 0)
    if fewest == mask.shape[1]:
        return None, None
    order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    return order[:, : max(most, 1)], None if fewest == most > 0 else counts


def gathered(frames: Tensor, kept: Tensor | None) -> Tensor:
    """The frames `[B, F', D]` that `kept` `[B, F']` names, of `[B, F, D]`; all of them where it is None."""
    return frames if kept is None else frames.gather(1, kept.unsqueeze(2).expand(-1, -1, frames.shape[2]))


def scattered(frames: Tensor, kept: Tensor | None, size: int, counts: Tensor | None = None) -> Tensor:
    """Frames `[B, F', D]` back at the places `kept` `[B, F']` of `[B, size, D]`, zeros elsewhere.

    Args:
        frames: as `gathered` gave them.
        kept: the places; None leaves everything as it is.
        size: number of frames before they were taken.
        counts: valid entries of each row of `kept`, the first ones; None where all are.
    """
    if kept is None:
        return frames
    if counts is not None:
        behind = torch.arange(kept.shape[1], device=kept.device) >= counts.unsqueeze(1)
        frames = frames.masked_fill(behind.unsqueeze(2), 0)
    places = kept.unsqueeze(2).expand(-1, -1, frames.shape[2])
    return frames.new_zeros(len(frames), size, frames.shape[2]).scatter(1, places, frames)
