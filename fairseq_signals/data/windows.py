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


def slot_bounds(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How an epoch's slots are shared out by weight.

    Args:
        weights: of each of `N` recordings, float64 `[N]`, not all 0; every window of a recording has its weight.
        counts: windows of each recording, int64 `[N]`; an epoch has as many slots as there are windows.

    Returns:
        float64 `[N + 1]`: recording n has the slots from `bounds[n]` to `bounds[n + 1]`, which are no whole numbers.
    """
    shares = np.concatenate([[0.0], np.cumsum(weights * counts)])
    return shares * (counts.sum() / shares[-1])


def visits(
    bounds: np.ndarray, firsts: np.ndarray, slots: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which window is visited in which slot, by systematic resampling.

    Slot n takes the window in whose share of the slots n + offset lies. So a window whose share is 2.3 slots wide is
    visited two or three times, and 2.3 times on average over offsets that are uniform in [0, 1).

    Args:
        bounds: from `slot_bounds`.
        firsts: number of each recording's first window, and of all windows, int64 `[N + 1]`.
        slots: int64 `[B]`.
        offsets: of each slot's epoch, in [0, 1), float64 `[B]`.

    Returns:
        recordings, numbers of the windows within them, and how many slots before this one take the same window; all
        int64 `[B]`.

    Source: Kitagawa 1996, Monte Carlo filter and smoother, https://doi.org/10.2307/1390750 (stratified resampling
    with one common offset).
    """
    places = np.minimum(slots + offsets, np.nextafter(bounds[-1], 0.0))  # rounding may reach the very end
    rows = np.searchsorted(bounds, places, "right") - 1
    counts = firsts[rows + 1] - firsts[rows]
    widths = (bounds[rows + 1] - bounds[rows]) / counts
    numbers = np.minimum(((places - bounds[rows]) / widths).astype(np.int64), counts - 1)
    first_slots = np.ceil(bounds[rows] + numbers * widths - offsets).astype(np.int64)
    return rows, numbers, slots - first_slots
