"""Which stretches of a recording become windows.

Conventions: `length` and `window` are samples; a window that begins at `start` covers
`[start, min(start + window, length))` and is padded where the recording ends before it.
"""

import numpy as np

MODES = ("tiled", "random", "centred")


def tile_starts(length: int, window: int, stride: int) -> np.ndarray:
    """Starts of windows that tile a recording, int64; at least one.

    Windows begin every `stride` samples as long as they fit. If half a stride or more is left behind the last of
    them, one more window is laid flush with the recording's end; less than that is dropped, so that a recording
    two samples too long does not count twice.
    """
    if length <= window:
        return np.zeros(1, np.int64)
    starts = np.arange(0, length - window + 1, stride, dtype=np.int64)
    left = length - (starts[-1] + window)
    return np.append(starts, length - window) if 2 * left >= stride else starts


def tile_counts(lengths: np.ndarray, window: int, stride: int) -> np.ndarray:
    """Number of windows that `tile_starts` gives for each length, int64."""
    slack = np.maximum(lengths - window, 0)
    whole = slack // stride + 1
    return whole + (2 * (slack - (whole - 1) * stride) >= stride)


def tile_start(lengths: np.ndarray, numbers: np.ndarray, window: int, stride: int) -> np.ndarray:
    """Start of window number `numbers` of each recording, as `tile_starts` lists them."""
    return np.minimum(numbers * stride, np.maximum(lengths - window, 0))


def random_start(lengths: np.ndarray, window: int, uniform: np.ndarray) -> np.ndarray:
    """A start for each length from a number in [0, 1), every place that keeps the window inside equally likely."""
    return (uniform * (np.maximum(lengths - window, 0) + 1)).astype(np.int64)


def centred_start(lengths: np.ndarray, window: int) -> np.ndarray:
    """The start that leaves equally much on both sides (to a sample)."""
    return np.maximum(lengths - window, 0) // 2
