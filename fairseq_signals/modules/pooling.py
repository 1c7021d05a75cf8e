"""From frames to one vector per window; padding never counts, and a frame that is zero is not padding."""

import torch
from torch import Tensor


def valid_frames(counts: Tensor, size: int) -> Tensor:
    """Boolean `[B, size]`: which frames (or samples) are valid, from their numbers `[B]` counted from the first."""
    return torch.arange(size, device=counts.device) < counts.unsqueeze(1)


def mean_pool(frames: Tensor, counts: Tensor | None = None) -> Tensor:
    """Mean over the valid frames.

    Args:
        frames: `[B, F, D]`.
        counts: number of valid frames `[B]`; None where all are valid.

    Returns:
        `[B, D]` in the frames' dtype; zeros for a window without a valid frame.
    """
    if counts is None:
        return frames.mean(dim=1)
    valid = valid_frames(counts, frames.shape[1])
    total = frames.masked_fill(~valid.unsqueeze(2), 0).sum(dim=1, dtype=torch.float32)  # [B, D]
    return (total / counts.clamp(min=1).unsqueeze(1)).to(frames.dtype)


def max_pool(frames: Tensor, counts: Tensor | None = None) -> Tensor:
    """Maximum over the valid frames, `[B, F, D]` to `[B, D]`; zeros for a window without a valid frame."""
    if counts is None:
        return frames.amax(dim=1)
    hidden = ~valid_frames(counts, frames.shape[1]).unsqueeze(2)
    highest = frames.masked_fill(hidden, -torch.inf).amax(dim=1)
    return highest.masked_fill((counts == 0).unsqueeze(1), 0)


def last_pool(frames: Tensor, counts: Tensor | None = None) -> Tensor:
    """The last valid frame, `[B, F, D]` to `[B, D]`; zeros for a window without a valid frame."""
    if counts is None:
        return frames[:, -1]
    last = frames[torch.arange(len(frames), device=frames.device), counts - 1]
    return last.masked_fill((counts == 0).unsqueeze(1), 0)
