"""ECGs in NumPy files: `.npy`, or `.npz` with an array `signal`.

Rate, leads and unit come from a sidecar (`_description.py` says how it looks), from the `.npz` itself, whose other
arrays carry the sidecar's names (`rate`, `leads`, `unit`, `id` …), or are passed. The array is `[L, T]` or `[T, L]`:
the axis as long as the list of leads is the leads' axis. Pickled objects are refused, never executed.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.readers._description import describe, sidecar_of
from fairseq_signals.data.record import Record

FORMAT = "NumPy .npy or .npz (with a .json sidecar)"

_LARGEST_PACKING = 1100  # deflate cannot shrink further; an archive that claims more is damaged or hostile


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file begins as NumPy's `.npy` does, or is a zip archive of such files."""
    return head.startswith(b"\x93NUMPY") or (head.startswith(b"PK\x03\x04") and b".npy" in head)


def files(path: Path) -> list[Path]:
    """The file and its sidecar."""
    return [path, sidecar_of(path)]


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The recording in a NumPy file.

    Args:
        path: the file.
        rate: Hz, if neither the file nor a sidecar states it.
        leads: one name per row (or column), if neither states them.
        unit: unit of the values, if neither states it.

    Raises:
        ValueError: the file cannot be loaded without unpickling, is damaged, does not fit its description, or has as
            many samples as leads, so that its axes cannot be told apart; names the file.
    """
    signal, stated = _load(path)
    description = describe(path, stated, {"rate": rate, "leads": leads, "unit": unit})
    return description.record(_leads_first(signal, len(description.leads), path))


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
    claimed = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if claimed > entry.compress_size * _LARGEST_PACKING:
        raise ValueError(f"array {entry.filename} must fit its {entry.compress_size} packed bytes, got {claimed}")


def _leads_first(signal: np.ndarray, n_leads: int, path: Path) -> np.ndarray:
    """The array as `[L, T]`."""
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
