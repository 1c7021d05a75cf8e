"""One recording from whatever file it is in: `read_record`.

A format is one module of this folder; it is found by being there. It offers `FORMAT` (its name for people),
`recognises(path, head) -> bool` (by content: `head` is the file's first bytes, empty where there is no such file)
and `read(path, rate, leads, unit) -> Record`. Modules whose name begins with an underscore are helpers.

A format of files that hold many recordings also offers `rows(path) -> int`, how many they are, and its `read` takes the
`row` wanted as a last argument, or None where there is only one. A format of several files per recording offers
`files(path) -> list[Path]`, all that `read` opens.
"""

import importlib
import math
import os
import pkgutil
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from fairseq_signals.data.record import Record

_HEAD = 512  # bytes


def readers() -> list[ModuleType]:
    """The reader modules, by name."""
    return _modules(tuple((folder, os.stat(folder).st_mtime_ns) for folder in __path__))


@cache
def _modules(folders: tuple[tuple[str, int], ...]) -> list[ModuleType]:
    # Looking into the folder for every recording would cost a tenth of reading it.
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def read_record(
    path: str | os.PathLike,
    rate: float | None = None,
    leads: Sequence[str] | None = None,
    unit: str | None = None,
    row: int | None = None,
    reader: ModuleType | None = None,
) -> Record:
    """The recording at a path: float32 `[L, T]` in millivolts, standard leads in standard order, found by name.

    Reading refuses only what cannot be read. NaN, flat leads, absurd amplitudes and wrong checksums are read as they
    are; what is odd stands in `meta["notes"]` and is warned about, so that the preparation can count and reject it.

    Args:
        path: a recording; WFDB records also without extension (`records500/00001_hr`).
        rate: sampling rate in Hz, for files that do not state it; the signal is never resampled here.
        leads: names of the file's channels in the file's order, for files that do not state them.
        unit: V, mV or uV, for files that do not state it. What a file states itself must agree with all three.
        row: which recording of a file that holds many, counted from 0.
        reader: the file's, where `reader_of` has found it already.

    Raises:
        FileNotFoundError: there is no such file, or a file that belongs to it is missing.
        ValueError: no reader knows the file's format, or its content cannot be read; names the file.
    """
    path = Path(path)
    if isinstance(leads, str):
        raise ValueError(f"leads must be a sequence of names, got the text {leads!r} ({path})")
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(f"rate must be a positive number (Hz), got {rate} ({path})")
    names = tuple(leads) if leads is not None else None
    reader = reader or reader_of(path)
    if row is not None and not hasattr(reader, "rows"):
        raise ValueError(f"row must be left out for a file of one recording ({reader.FORMAT}), got {row} ({path})")
    place = (row,) if hasattr(reader, "rows") else ()
    record = reader.read(path, rate, names, unit, *place)
    for note in record.meta.get("notes", ()):
        warnings.warn(f"{note} ({path})", stacklevel=2)
    return record


def files_of(path: str | os.PathLike, reader: ModuleType | None = None) -> list[Path]:
    """Every file that `read_record` opens for the recording at a path, whether it is there or not.

    Raises:
        FileNotFoundError, ValueError: as `read_record`, where that cannot be told.
    """
    path = Path(path)
    reader = reader or reader_of(path)
    return reader.files(path) if hasattr(reader, "files") else [path]


def reader_of(path: str | os.PathLike) -> ModuleType:
    """The module of this folder that reads the file at a path.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no reader knows the file's format; names the file.
    """
    path = Path(path)
    if not path.is_file():
        return _recognised(path, b"")
    with path.open("rb") as file:
        return _recognised(path, file.read(_HEAD))


def _recognised(path: Path, head: bytes) -> ModuleType:
    known = readers()
    reader = next((module for module in known if module.recognises(path, head)), None)
    if reader is None and not path.exists():
        raise FileNotFoundError(f"a recording must be an existing file or WFDB record, got none ({path})")
    if reader is None:
        formats = ", ".join(module.FORMAT for module in known)
        raise ValueError(f"a recording must be in one of the formats {formats}, got another ({path})")
    return reader
