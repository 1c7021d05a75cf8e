"""ECGs in HDF5 files, of one recording or of many: CODE-15 %, CODE-test, SaMi-Trop, IKEM, SPH and the like.

The array is the dataset `tracings` (`[N, T, L]`) or `ecg` (`[L, T]`), or else the only dataset of numbers at the
file's root with two axes or more; `_axes.py` says which axis is what. Such files name neither rate, leads nor unit:
a sidecar does (`_description.py`), or they are passed. The id of one recording among many is its entry in the
dataset `exam_id` (`[N]`), where there is one, else the file's name and the row. Only the row that is asked for is
read, and the file stays open for the next one.

MATLAB's files of version 7.3 are HDF5 too, behind a header of their own: `matlab.py` reads those.
"""

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from fairseq_signals.data.readers._axes import check_row, leads_first, n_rows, one_recording
from fairseq_signals.data.readers._description import describe, with_sidecar
from fairseq_signals.data.readers._hdf5_file import is_numeric, member, numeric_datasets, opened
from fairseq_signals.data.record import Record

FORMAT = "HDF5 (with rate, leads and unit passed or in a .json sidecar)"
files = with_sidecar

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_KNOWN = ("tracings", "ecg")
_IDS = "exam_id"


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file begins as HDF5 does."""
    return head.startswith(_SIGNATURE)


def rows(path: Path) -> int:
    """How many recordings the file holds.

    Raises:
        ValueError: the file is damaged or holds no array of signals; names the file.
    """
    with opened(path) as file:
        return n_rows(_arrays(file)[0].shape)


def ids(path: Path) -> list[str] | None:
    """The ids of all recordings of a file, in the order of its rows, or None where it does not tell them.

    Raises:
        ValueError: the file is damaged, or has not one id for each recording; names the file.
    """
    with opened(path) as file:
        known = _arrays(file)[1]
        return None if known is None else [_text(one) for one in known.tolist()]


def read(
    path: Path,
    rate: float | None = None,
    leads: tuple[str, ...] | None = None,
    unit: str | None = None,
    row: int | None = None,
) -> Record:
    """A recording in an HDF5 file.

    Args:
        path: the file.
        rate: Hz, if there is no sidecar.
        leads: one name per channel, in the file's order, if there is no sidecar.
        unit: unit of the values, if there is no sidecar.
        row: which recording, counted from 0, where there are several.

    Raises:
        ValueError: the file is damaged, leads to other files, does not fit its description, or has no such row; names
            the file.
    """
    description = describe(path, {}, {"rate": rate, "leads": leads, "unit": unit})
    with opened(path) as file:
        array, known = _arrays(file)
        check_row(n_rows(array.shape), row, path)
        if len(array.shape) > 2:
            description = description.of_row(row or 0, None if known is None else _text(known[row or 0]))
        signal = leads_first(one_recording(array, row, path), len(description.leads), path)
    return description.record(signal)


@lru_cache(maxsize=2)  # of an open file, for one recording after the other
def _arrays(file: h5py.File) -> tuple[h5py.Dataset, np.ndarray | None]:
    """The signals, and the ids where the file tells them."""
    array = _signals(file)
    known = _ids(file, n_rows(array.shape))
    return array, None if known is None else known[()]


def _signals(file: h5py.File) -> h5py.Dataset:
    for name in _KNOWN:
        found = member(file, name)
        if found is not None:
            if not is_numeric(found):
                raise ValueError(f"{name} must be an array of real numbers, got another kind")
            return found
    others = numeric_datasets(file, axes=2)
    if len(others) != 1:
        expected = f"{' or '.join(_KNOWN)}, or else only one array with two axes or more"
        raise ValueError(f"an HDF5 file must hold {expected}, got {', '.join(others) or 'none'}")
    return next(iter(others.values()))


def _ids(file: h5py.File, count: int) -> h5py.Dataset | None:
    found = member(file, _IDS)
    if found is None:
        return None
    # Texts of variable length are left alone: their bytes lie elsewhere in the file, at places that may be damaged.
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuS" or found.shape != (count,):
        raise ValueError(f"{_IDS} must be one whole number or text of fixed length for each of {count} recordings")
    return found


def _text(value: object) -> str:
    return value.decode("utf-8", "replace").strip("\0 ") if isinstance(value, bytes) else str(value)
