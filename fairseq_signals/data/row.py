"""One row of a manifest: what its cells mean, read from text and written as text.

Conventions: `start` and `length` are samples, `rate` is Hz. A cell of `labels` holds the class codes that apply,
separated by commas; `?CODE` stands for a class that is unknown for this recording; `-` means that nothing is
known; an **empty** cell means that every class was looked for and none applies. A column `sampling_weight`
may be there or not: how often a recording is visited in training beside the others; an empty cell means once.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import PureWindowsPath
from typing import Any

from fairseq_signals.data.leads import LEAD_SETS, STANDARD_LEADS, canonical_lead, parse_leads

COLUMNS = ("id", "ecg", "start", "length", "rate", "leads", "patient", "labels")
WEIGHT = "sampling_weight"
NOTHING_KNOWN = "-"
_STORED = re.compile(r"([A-Za-z0-9_-]+):([0-9]{1,18})")  # shard:row


@dataclass(frozen=True)
class Row:
    """One recording of a manifest.

    Attributes:
        id: unique within the manifest.
        ecg: `relative/path` of a recording, or `shard:row` in the store beside the manifest.
        start: first sample.
        length: number of samples.
        rate: Hz.
        leads: standard names, in standard order.
        patient: patient id, or the recording's id where the source has none.
        labels: codes that apply.
        unknown: codes of which nothing is known for this recording.
        unlabelled: True where nothing is known of any class (`-`).
        extra: the other columns, as text.
        line: line in the file, for messages; 0 for a row that comes from no file.
    """

    id: str
    ecg: str
    start: int
    length: int
    rate: float
    leads: tuple[str, ...]
    patient: str
    labels: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unlabelled: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    line: int = 0

    @property
    def stored(self) -> tuple[str, int] | None:
        """Shard and row in the store, or None where `ecg` is the path of a file."""
        found = _STORED.fullmatch(self.ecg)
        return (found[1], int(found[2])) if found else None

    @property
    def weight(self) -> float:
        """How often the recording is visited in training, beside others."""
        return parse_cell(WEIGHT, self.extra.get(WEIGHT, ""))


class CellError(ValueError):
    """A cell that is not what its column holds; the manifest adds file and line."""

    def __init__(self, column: str, message: str):
        super().__init__(message)
        self.column = column


def parse_row(cells: dict[str, str], line: int = 0) -> Row:
    """The row that a manifest's line tells.

    Args:
        cells: text by column; columns beyond `COLUMNS` become `extra`.
        line: for messages.

    Raises:
        CellError: a cell is not what its column holds.
    """
    labels, unknown, unlabelled = parse_labels(cells["labels"])
    values = {name: parse_cell(name, cells[name]) for name in COLUMNS if name != "labels"}
    parse_cell(WEIGHT, cells.get(WEIGHT, ""))
    return Row(
        **values,
        labels=labels,
        unknown=unknown,
        unlabelled=unlabelled,
        extra={name: cell for name, cell in cells.items() if name not in COLUMNS},
        line=line,
    )


def parse_cell(column: str, cell: str) -> Any:
    """What a cell of one of `COLUMNS`, or of `sampling_weight`, means.

    Raises:
        CellError: it is not what the column holds.
    """
    return _PARSERS[column](cell)


def is_stored(cell: str) -> bool:
    """Whether a cell of `ecg` is `shard:row`, and not a path."""
    return _STORED.fullmatch(cell) is not None


def format_row(row: Row, extra_columns: Sequence[str] = ()) -> list[str]:
    """The cells of a row as text, `COLUMNS` first; reading them gives the row again.

    Line breaks and tabs inside the extra columns become blanks; in any other column they are refused.

    Raises:
        CellError: the row could not be read back as it is.
    """
    codes = NOTHING_KNOWN if row.unlabelled else ",".join([*row.labels, *(f"?{code}" for code in row.unknown)])
    leads = "12" if row.leads == STANDARD_LEADS else ",".join(row.leads)
    rate = repr(float(row.rate)).removesuffix(".0")
    cells = [row.id, row.ecg, str(row.start), str(row.length), rate, leads, row.patient, codes]
    for name, cell in zip(COLUMNS, cells, strict=True):
        if clean(cell) != cell:
            raise CellError(name, f"{name} must be text without tabs, line breaks and outer blanks, got {cell!r}")
    back = parse_row(dict(zip(COLUMNS, cells, strict=True)))
    if (back.labels, back.unknown, back.unlabelled) != (row.labels, row.unknown, row.unlabelled):
        raise CellError("labels", f"labels must be codes without commas and question marks, got {codes!r}")
    return cells + [clean(row.extra.get(name, "")) for name in extra_columns]


def clean(text: object) -> str:
    """Text on one line: tabs and line breaks are blanks, and none stand outside."""
    return " ".join(part for part in str(text).splitlines() if part).replace("\t", " ").strip()


def _text(column: str, cell: str) -> str:
    if not cell.strip():
        raise CellError(column, f"{column} must be given, got {cell!r}")
    return cell


def _recording(cell: str) -> str:
    if is_stored(cell):
        return cell
    # Windows' rules know both separators, drives and network shares, and are checked on every system.
    outside = PureWindowsPath(cell).anchor or cell.startswith("~")
    if outside or ".." in cell.replace("\\", "/").split("/"):
        raise CellError("ecg", f"ecg must be a path inside the manifest's folder, got {cell!r}")
    return _text("ecg", cell)


def _whole(column: str, cell: str, lowest: int) -> int:
    if not (cell.isascii() and cell.isdecimal() and len(cell) < 19) or int(cell) < lowest:
        raise CellError(column, f"{column} must be a whole number of samples, at least {lowest}, got {cell!r}")
    return int(cell)


def _rate(cell: str) -> float:
    try:
        rate = float(cell)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise CellError("rate", f"rate must be a positive number (Hz), got {cell!r}")
    return rate


def _weight(cell: str) -> float:
    try:
        weight = float(cell or 1)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise CellError(WEIGHT, f"sampling weight must be a number of at least 0, or empty for 1, got {cell!r}")
    return weight


@lru_cache(maxsize=4096)
def _leads(cell: str) -> tuple[str, ...]:
    try:
        leads = parse_leads(cell)
    except ValueError as error:
        raise CellError("leads", str(error)) from error
    if cell.strip() not in LEAD_SETS and leads != tuple(map(canonical_lead, cell.split(","))):
        # Which row of the signal is which lead must not depend on who reads the list.
        raise CellError("leads", f"leads must be in standard order, got {cell!r}")
    return leads


@lru_cache(maxsize=65536)
def parse_labels(cell: str) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Codes that apply, codes that are unknown, and whether nothing is known at all."""
    if cell == NOTHING_KNOWN:
        return (), (), True
    codes = cell.split(",") if cell else []
    labels = tuple(code for code in codes if not code.startswith("?"))
    unknown = tuple(code[1:] for code in codes if code.startswith("?"))
    every = labels + unknown
    if len(set(every)) != len(every) or any(code.strip("? ") != code or code in ("", "-") for code in every):
        raise CellError("labels", f"labels must be different codes separated by commas, or '-', got {cell!r}")
    return labels, unknown, False


_PARSERS: dict[str, Callable[[str], Any]] = {
    "id": partial(_text, "id"),
    "ecg": _recording,
    "start": partial(_whole, "start", lowest=0),
    "length": partial(_whole, "length", lowest=1),
    "rate": _rate,
    "leads": _leads,
    "patient": partial(_text, "patient"),
    "labels": parse_labels,
    WEIGHT: _weight,
}
