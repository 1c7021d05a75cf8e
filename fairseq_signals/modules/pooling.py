"""From frames to one vector per window; padding never counts, and a frame that is zero is not padding."""

import torch
import torch.nn.functional as F
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


def segment_means(frames: Tensor, segments: int, counts: Tensor | None = None) -> Tensor:
    """Means over equal stretches of the valid frames, whatever their number.

    Stretch i of S covers the valid frames from `floor(i n / S)` to before `ceil((i + 1) n / S)`: each frame by itself
    where n = S, all of them where S = 1, and neighbouring ones share a frame where n is no multiple of S.

    Args:
        frames: `[B, F, D]`.
        segments: S.
        counts: number n of valid frames `[B]`; None where all are valid.

    Returns:
        `[B, S, D]` in the frames' dtype; zeros for a window without a valid frame.
    """
    if counts is None:
        return F.adaptive_avg_pool1d(frames.transpose(1, 2), segments).transpose(1, 2)
    number = torch.arange(segments, device=frames.device)
    first = (number * counts.unsqueeze(1)).div(segments, rounding_mode="floor")  # [B, S]
    behind = -(-(number + 1) * counts.unsqueeze(1)).div(segments, rounding_mode="floor")
    place = torch.arange(frames.shape[1], device=frames.device)
    inside = (place >= first.unsqueeze(2)) & (place < behind.unsqueeze(2))  # [B, S, F]
    share = inside.float() / (behind - first).clamp(min=1).unsqueeze(2)
    hidden = ~valid_frames(counts, frames.shape[1]).unsqueeze(2)
    return (share @ frames.masked_fill(hidden, 0).float()).to(frames.dtype)
