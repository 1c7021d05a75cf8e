"""HDF5 files as safe to read as a plain array: nothing outside the file, and no more memory than the file can fill.

An HDF5 file may lead to others (external links, virtual datasets, external storage), and may claim any shape in a few
bytes. Only datasets that are in the file itself and can be as large as they claim are given out.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import h5py

from fairseq_signals.data.readers._claims import check_claim

_CHUNK_CACHE = 2**25  # bytes: where several recordings share a packed chunk, it is unpacked once


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file for reading, kept open for the next call of this process as long as it does not change.

    Meanwhile others can read it, but HDF5 lets nobody write to it; to put another file in its place is no writing.

    Raises:
        ValueError: the file is damaged, whatever is being done with it; names the file.
    """
    try:
        state = os.stat(path)
        yield _open(path, state.st_size, state.st_mtime_ns)
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{error} ({path})") from error
    except FileNotFoundError:
        raise
    except Exception as error:  # HDF5 answers damage with whatever its layer in question knows
        raise ValueError(f"an HDF5 file must be whole, got {error} ({path})") from error


@lru_cache(maxsize=2)
def _open(path: Path, size: int, changed: int) -> h5py.File:
    return h5py.File(path, "r", rdcc_nbytes=_CHUNK_CACHE)


def member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """What a group holds under a name, or None where it holds nothing.

    Raises:
        ValueError: it is a link, or a dataset whose values lie elsewhere or cannot be as many as it claims.
    """
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} must be in the file itself, got a link")
    found = group[name]
    if isinstance(found, h5py.Dataset):
        _check(found, name)
    return found


def numeric_datasets(group: h5py.Group, axes: int) -> dict[str, h5py.Dataset]:
    """Datasets of real numbers with at least so many axes, by name."""
    found = {name: member(group, name) for name in group if _is_here(group, name)}
    return {name: one for name, one in found.items() if is_numeric(one) and len(one.shape or ()) >= axes}


def is_numeric(found: h5py.Group | h5py.Dataset | None) -> bool:
    """Whether it is a dataset of real numbers."""
    return isinstance(found, h5py.Dataset) and found.shape is not None and found.dtype.kind in "iuf"


def _is_here(group: h5py.Group, name: str) -> bool:
    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _check(dataset: h5py.Dataset, name: str) -> None:
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{name} must be in the file itself, got a dataset that leads to other files")
    if dataset.shape is None:
        return
    packed = dataset.id.get_storage_size()
    check_claim(name, dataset.shape, dataset.dtype.itemsize, packed)
    if dataset.chunks is not None:  # a chunk is unpacked whole, however little of it is asked for
        check_claim(f"{name}'s chunk", (math.prod(dataset.chunks),), dataset.dtype.itemsize, packed)
