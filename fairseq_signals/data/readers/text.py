"""ECGs as text: a table with one column per lead and one line per sample (CSV, TSV, or blanks between the numbers).

The first line may name the columns; without it, leads are passed or stand in a sidecar (`_description.py`), as do rate
and unit. A column of times in seconds gives the rate, and must be even; a column that counts the samples is dropped.
Every line must have all cells, and every cell a number with a decimal point (`nan` for a sample that is missing).
"""

import csv
import math
import re
import warnings
from pathlib import Path

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead
from fairseq_signals.data.readers._description import describe, with_sidecar
from fairseq_signals.data.readers.physionet import header_of
from fairseq_signals.data.record import Record

FORMAT = "CSV or TSV with a column per lead (with rate and unit passed or in a .json sidecar)"
files = with_sidecar

_LARGEST = 2**31  # bytes: more than a day of twelve leads at 500 Hz
_LONGEST_LINE = 2**16  # bytes of the first line
_TIMES = re.compile(r"(time|t|seconds?|sec)([ _]*[\[(]?(s|sec|seconds?)[\])]?)?")
_COUNTS = ("", "index", "sample", "samples", "n", "unnamed: 0")
_LOWEST_RATE = 20.0  # Hz: below, the times are no seconds
_UNEVEN = 0.25  # of a sample: how far a printed time may be from where it belongs
_ROUNDED = 2.5  # a whole rate may be off by so many times as much as the best, as both ends are rounded themselves


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file begins with a line of numbers, or of names among which a lead is."""
    if not head or b"\0" in head or path.suffix.lower() == ".hea" or header_of(path) is not None:
        return False
    text = head.decode("utf-8-sig", "replace")
    line = text.splitlines()[0] if text.splitlines() else ""
    whole = len(line) < len(text.rstrip("\r\n")) or text.endswith(("\r", "\n"))
    cells = _cells(line, _delimiter(line))
    cells = cells if whole else cells[:-1]  # the last one may be cut off
    return bool(cells) and (all(map(_is_number, cells)) or any(canonical_lead(one) in STANDARD_LEADS for one in cells))


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The recording in a table of text.

    Args:
        path: the file.
        rate: Hz, if neither a column of times nor a sidecar states it; else it must agree.
        leads: one name per column, if neither the first line nor a sidecar names them; else they must agree.
        unit: unit of the values, if there is no sidecar.

    Raises:
        ValueError: the table is ragged, too large, or holds what is no number; its times are uneven or no seconds; it
            does not fit its description. Names the file.
    """
    names, columns = _table(path)
    stated = {}
    if names is not None:
        keep, stated = _columns(names, columns, path)
        columns = columns[keep]
    description = describe(path, stated, {"rate": rate, "leads": leads, "unit": unit})
    if len(description.leads) != len(columns):
        got = f"{len(columns)} columns and {len(description.leads)} leads"
        raise ValueError(f"each column must have a lead's name, got {got} ({path})")
    return description.record(columns)


def _table(path: Path) -> tuple[list[str] | None, np.ndarray]:
    """Names of the columns, where there are any, and the columns `[L, T]`."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"a table of text must be at most {_LARGEST} bytes, got {path.stat().st_size} ({path})")
    try:
        with path.open(encoding="utf-8-sig", newline=None) as file:
            line = file.readline(_LONGEST_LINE).rstrip("\n")
            delimiter = _delimiter(line)
            cells = _cells(line, delimiter)
            named = not all(map(_is_number, cells))
            if not named and not _counts_columns(cells):
                file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # no lines at all, which is refused below
                values = np.loadtxt(file, delimiter=delimiter, comments=None, quotechar='"', ndmin=2)
    except ValueError as error:
        raise ValueError(f"a table must have a number in each cell and as many cells in each line, got: {error} ({path})") from error  # fmt: skip  # noqa: E501
    if not values.size:
        raise ValueError(f"a table must have lines of numbers, got none ({path})")
    if named and len(cells) != values.shape[1]:
        raise ValueError(f"each column must have a name, got {len(cells)} and {values.shape[1]} columns ({path})")
    return (cells if named else None), values.T


def _columns(names: list[str], columns: np.ndarray, path: Path) -> tuple[list[int], dict[str, object]]:
    """Which columns are leads, and what the names and the times tell."""
    stated: dict[str, object] = {}
    keep = []
    for place, name in enumerate(name.strip().lower() for name in names):
        if _TIMES.fullmatch(name):
            stated["rate"] = _rate(columns[place], path)
        elif name in _COUNTS and np.array_equal(np.diff(columns[place]), np.ones(columns.shape[1] - 1)):
            continue
        else:
            keep.append(place)
    return keep, stated | {"leads": [names[place].strip() for place in keep]}


def _rate(times: np.ndarray, path: Path) -> float:
    """Samples per second, from a column of seconds; a whole number where that fits every time."""
    seconds = float(times[-1] - times[0])
    rate = (len(times) - 1) / seconds if seconds > 0 and math.isfinite(seconds) else math.nan
    if not rate >= _LOWEST_RATE:
        step = seconds / max(1, len(times) - 1)
        raise ValueError(f"a column of times must hold rising seconds, got steps of {step:g} ({path})")
    late = {
        one: float(np.abs(times - times[0] - np.arange(len(times)) / one).max()) for one in (rate, float(round(rate)))
    }
    if late[rate] <= _UNEVEN / rate:
        return min(late, key=lambda one: (late[one] > _ROUNDED * late[rate] + 1e-9, one % 1 > 0))
    raise ValueError(f"a column of times must be even, got gaps in what has {rate:g} Hz altogether ({path})")


def _delimiter(line: str) -> str | None:
    return next((one for one in ("\t", ",", ";") if one in line), None)


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return [one.strip('"') for one in line.split()]
    return [one.strip() for one in next(csv.reader([line], delimiter=delimiter), [])]


def _counts_columns(cells: list[str]) -> bool:
    """Whether a line is no sample but the numbers that pandas writes above columns without a name."""
    return len(cells) > 2 and cells == [str(number) for number in range(len(cells))]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
