"""Which axis of a bare array is what: recordings, leads, samples.

Conventions: the axis as long as the list of leads is the leads' axis. Of three axes, the first counts recordings; of
four, one of length 1 (`[N, 1, T, L]` as in EchoNext, or the last, as deep learning frameworks like it) is dropped.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def n_rows(shape: Sequence[int]) -> int:
    """How many recordings an array of this shape holds."""
    return int(shape[0]) if len(shape) > 2 else 1


def one_recording(array: Any, row: int | None, path: Path) -> np.ndarray:
    """The array of one recording, with at most two axes; of an array on disk, nothing else is read.

    Args:
        array: in memory, mapped, or an HDF5 dataset: `[L, T]`, `[T, L]`, or one of them for each of N recordings.
        row: which; None where there is one.
        path: the file, for errors.

    Raises:
        ValueError: there is no such row, none was named among several, or the axes are of another kind.
    """
    check_row(n_rows(array.shape), row, path)
    if len(array.shape) > 4:
        raise ValueError(f"an array must have at most 4 axes, got {array.shape} ({path})")
    one = np.asarray(array[row or 0] if len(array.shape) > 2 else array[()])
    if one.ndim < 3:
        return one
    if 1 not in (one.shape[0], one.shape[-1]):
        raise ValueError(f"one of four axes must have length 1, the second or the last, got {array.shape} ({path})")
    return one[0] if one.shape[0] == 1 else one[..., 0]


def check_row(rows: int, row: int | None, path: Path) -> None:
    """Makes sure that a row names one recording of a file with so many."""
    if row is None and rows != 1:
        raise ValueError(f"row must be given for a file of {rows} recordings, got none ({path})")
    if row is not None and not 0 <= row < rows:
        raise ValueError(f"row must be at least 0 and below {rows}, the file's recordings, got {row} ({path})")


def leads_first(signal: np.ndarray, n_leads: int, path: Path) -> np.ndarray:
    """One recording's array as `[L, T]`.

    Raises:
        ValueError: it holds no real numbers, or not exactly one of its axes is as long as the list of leads.
    """
    if signal.dtype.kind not in "iuf":
        raise ValueError(f"an array must hold real numbers, got {signal.dtype} ({path})")
    if signal.ndim == 1 and n_leads == 1:
        return signal[np.newaxis]
    fits = [n == n_leads for n in signal.shape]
    if signal.ndim != 2 or not any(fits):
        raise ValueError(f"an array must be [L, T] or [T, L] with {n_leads} leads, got {signal.shape} ({path})")
    if all(fits):
        raise ValueError(f"an array's axes must differ in length to be told apart, got {signal.shape} ({path})")
    return signal if fits[0] else signal.T
