"""ECGs in NumPy files: `.npy`, or `.npz` with an array `signal`.

Rate, leads and unit come from a sidecar (`_description.py` says how it looks), from the `.npz` itself, whose other
arrays carry the sidecar's names (`rate`, `leads`, `unit`, `id` …), or are passed. The array of one recording is
`[L, T]` or `[T, L]`: the axis as long as the list of leads is the leads' axis. An `.npy` may hold many recordings,
`[N, L, T]`, `[N, T, L]` or `[N, 1, T, L]`; it is mapped, so that only the row that is asked for is read, and that row's
id is the file's name and its number. Pickled objects are refused, never executed.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.readers._axes import leads_first, n_rows, one_recording
from fairseq_signals.data.readers._claims import check_claim
from fairseq_signals.data.readers._description import describe, with_sidecar
from fairseq_signals.data.record import Record

FORMAT = "NumPy .npy or .npz (with a .json sidecar)"
files = with_sidecar


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file begins as NumPy's `.npy` does, or is a zip archive of such files."""
    return head.startswith(b"\x93NUMPY") or (head.startswith(b"PK\x03\x04") and b".npy" in head)


def rows(path: Path) -> int:
    """How many recordings the file holds.

    Raises:
        ValueError: the file cannot be loaded without unpickling, or is damaged; names the file.
    """
    return n_rows(_load(path)[0].shape)


def read(
    path: Path,
    rate: float | None = None,
    leads: tuple[str, ...] | None = None,
    unit: str | None = None,
    row: int | None = None,
) -> Record:
    """A recording in a NumPy file.

    Args:
        path: the file.
        rate: Hz, if neither the file nor a sidecar states it.
        leads: one name per row (or column), if neither states them.
        unit: unit of the values, if neither states it.
        row: which recording, counted from 0, of an array with three or four axes.

    Raises:
        ValueError: the file cannot be loaded without unpickling, is damaged, does not fit its description, or has as
            many samples as leads, so that its axes cannot be told apart; names the file.
    """
    array, stated = _load(path)
    if array.ndim > 2 and not isinstance(array, np.memmap):
        raise ValueError(f"many recordings must be in an .npy, which is read row by row, got an .npz ({path})")
    description = describe(path, stated, {"rate": rate, "leads": leads, "unit": unit})
    if array.ndim > 2:
        description = description.of_row(row or 0)
    return description.record(leads_first(one_recording(array, row, path), len(description.leads), path))


def _load(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return _unpack(path)
        # Mapped, an array is compared with the file's size before any memory is taken.
        return np.load(path, mmap_mode="r", allow_pickle=False), {}
    except Exception as error:  # a damaged file fails in NumPy, zipfile, zlib or the tokenizer, each in its own way
        raise ValueError(f"a NumPy file must be loadable without unpickling, got {error} ({path})") from error


def _unpack(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            _check_size(archive, entry)
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    signal = arrays.pop("signal", None)
    if signal is None:
        raise ValueError(f"an .npz must hold an array named signal, got {', '.join(arrays) or 'none'}")
    return signal, {name: value.tolist() for name, value in arrays.items()}


def _check_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Compares what an array claims with what the archive can hold, before memory is taken."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    check_claim(entry.filename, shape, dtype.itemsize, entry.compress_size)
