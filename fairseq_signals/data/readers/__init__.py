"""One recording from whatever file it is in: `read_record`.

A format is one module of this folder; it is found by being there. It offers `FORMAT` (its name for people),
`recognises(path, head) -> bool` (by content: `head` is the file's first bytes, empty where there is no such file)
and `read(path, rate, leads, unit) -> Record`. Modules whose name begins with an underscore are helpers.
"""

import importlib
import math
import os
import pkgutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fairseq_signals.data.record import Record

_HEAD = 512  # bytes


def readers() -> list[ModuleType]:
    """The reader modules, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def read_record(
    path: str | os.PathLike,
    rate: float | None = None,
    leads: Sequence[str] | None = None,
    unit: str | None = None,
) -> Record:
    """The recording at a path: float32 `[L, T]` in millivolts, standard leads in standard order, found by name.

    Reading refuses only what cannot be read. NaN, flat leads, absurd amplitudes and wrong checksums are read as they
    are; what is odd stands in `meta["notes"]` and is warned about, so that the preparation can count and reject it.

    Args:
        path: a recording; WFDB records also without extension (`records500/00001_hr`).
        rate: sampling rate in Hz, for files that do not state it; the signal is never resampled here.
        leads: names of the file's channels in the file's order, for files that do not state them.
        unit: V, mV or uV, for files that do not state it. What a file states itself must agree with all three.

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
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_HEAD)
    known = readers()
    reader = next((module for module in known if module.recognises(path, head)), None)
    if reader is None and not path.exists():
        raise FileNotFoundError(f"a recording must be an existing file or WFDB record, got none ({path})")
    if reader is None:
        formats = ", ".join(module.FORMAT for module in known)
        raise ValueError(f"a recording must be in one of the formats {formats}, got another ({path})")
    record = reader.read(path, rate, names, unit)
    for note in record.meta.get("notes", ()):
        warnings.warn(f"{note} ({path})", stacklevel=2)
    return record
