"""Manifests: which recordings a data set has, one row each, as tab-separated text with a header line.

Conventions: UTF-8, no quoting, the columns of `fairseq_signals.data.row.COLUMNS` and any number of others; what
the cells mean stands there. Classes that the source does not annotate at all stand in `dataset.yaml` beside the
manifest and are unknown for every row.
"""

import mmap
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import read_card
from fairseq_signals.data.row import COLUMNS, CellError, Row, clean, format_row, parse_labels, parse_row

_BLOCK = 1 << 24  # bytes looked at together while lines are counted
_NEWLINE, _TAB = 10, 9


class Manifest:
    """The rows of a manifest, parsed when asked for; a million rows take the room of the file and 8 bytes each.

    Attributes:
        path, folder: the file and the folder its paths are relative to.
        columns: names in the header, in order.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.folder = self.path.parent
        if not self.path.is_file():
            raise FileNotFoundError(f"manifest must be a file, got none at {self.path}")
        self._open()
        self._ends, tabs = _scan(self._bytes)
        self.columns = self._header()
        self._place = {name: place for place, name in enumerate(self.columns)}
        odd = np.flatnonzero(tabs != len(self.columns) - 1)
        if len(odd):
            raise ValueError(
                f"row must have {len(self.columns)} fields separated by tabs, got {tabs[odd[0]] + 1} "
                f"({self.path}, line {odd[0] + 1})"
            )

    def _open(self) -> None:
        with open(self.path, "rb") as file:
            self._size = file.seek(0, 2)
            # An empty file cannot be mapped; its header is then found missing like any other.
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._size else b""

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_bytes"}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        size = self._size
        self._open()
        if size != self._size:
            raise ValueError(f"manifest must stay as it was opened, got {self._size} bytes, not {size} ({self.path})")

    def _header(self) -> tuple[str, ...]:
        names = tuple(self._fields(0)) if len(self._ends) else ()
        for name in COLUMNS:
            if name not in names:
                got = ", ".join(map(repr, names)) or "an empty file"
                raise ValueError(f"column {name} must be in the header, got {got} ({self.path}, line 1)")
        if len(set(names)) != len(names):
            raise ValueError(f"columns must differ in name, got {', '.join(names)} ({self.path}, line 1)")
        return names

    def _fields(self, line: int) -> list[str]:
        start = int(self._ends[line - 1]) + 1 if line else 0
        raw = self._bytes[start : int(self._ends[line])].removesuffix(b"\r")
        try:
            return raw.decode("utf-8-sig" if line == 0 else "utf-8").split("\t")
        except UnicodeDecodeError as error:
            raise ValueError(f"text must be UTF-8, got {error} ({self.path}, line {line + 1})") from error

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> Row:
        """Row by its place, 0 being the first after the header.

        Raises:
            IndexError: there is no such row.
            ValueError: a cell is not what its column holds.
        """
        index = int(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"row must be 0 to {len(self) - 1}, got {index} ({self.path})")
        line = index % len(self) + 1
        cells = dict(zip(self.columns, self._fields(line), strict=True))
        try:
            row = parse_row(cells, line + 1)
            self._check_codes(row.labels, row.unknown)
            return row
        except CellError as error:
            raise ValueError(f"{error} ({self.path}, line {line + 1}, column {error.column})") from None

    def _check_codes(self, labels: tuple[str, ...], unknown: tuple[str, ...]) -> None:
        if self.classes is None:
            return
        for code in labels + unknown:
            if code not in self._class_set:
                raise CellError("labels", f"label must be in the class list of dataset.yaml, got {code!r}")
        for code in labels:
            if code in self.unannotated:
                raise CellError("labels", f"label must be a class that the source annotates, got {code!r}")

    def column(self, name: str) -> list[str]:
        """All cells of a column, as text, in the order of the rows."""
        if name not in self._place:
            known = ", ".join(self.columns)
            raise ValueError(f"column must be one of {known}, got {name!r} ({self.path}, line 1)")
        place = self._place[name]
        return [self._fields(line)[place] for line in range(1, len(self._ends))]

    @cached_property
    def _card(self) -> dict[str, Any]:
        return read_card(self.folder) or {"classes": None, "unannotated": []}

    @cached_property
    def classes(self) -> tuple[str, ...] | None:
        """Class codes of `dataset.yaml`, in their fixed order, or None where there is no such file."""
        return None if self._card["classes"] is None else tuple(self._card["classes"])

    @cached_property
    def _class_set(self) -> frozenset[str]:
        return frozenset(self.classes or ())

    @cached_property
    def unannotated(self) -> tuple[str, ...]:
        """Classes that the source does not annotate: unknown for every row."""
        return tuple(self._card["unannotated"])

    def check(self) -> None:
        """Walks all rows.

        Raises:
            ValueError: at the first row that cannot be parsed, or whose id came before.
        """
        seen: dict[str, int] = {}
        for row in map(self.__getitem__, range(len(self))):
            first = seen.setdefault(row.id, row.line)
            if first != row.line:
                raise ValueError(
                    f"id must be unique, got {row.id!r} a second time, first in line {first} "
                    f"({self.path}, line {row.line}, column id)"
                )


def _scan(data: "mmap.mmap | bytes") -> tuple[np.ndarray, np.ndarray]:
    """Where each line ends (position of its newline), and how many tabs it has."""
    ends, tabs, carried = [], [], 0
    for begin in range(0, len(data), _BLOCK):
        block = np.frombuffer(data[begin : begin + _BLOCK], np.uint8)
        newlines, tab_places = np.flatnonzero(block == _NEWLINE), np.flatnonzero(block == _TAB)
        before = np.searchsorted(tab_places, newlines)  # tabs in this block before each newline
        counts = np.diff(before, prepend=0)
        counts[:1] += carried  # those of the line that the last block cut
        carried = len(tab_places) - before[-1] if len(newlines) else carried + len(tab_places)
        ends.append(newlines + begin)
        tabs.append(counts)
    if len(data) and data[len(data) - 1] != _NEWLINE:  # a last line without its newline
        ends.append(np.array([len(data)]))
        tabs.append(np.array([carried]))
    return (np.concatenate(ends), np.concatenate(tabs)) if ends else (np.empty(0, np.int64),) * 2


def label_matrix(manifest: Manifest, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which classes apply to each row, and of which that is known.

    Args:
        manifest: `N` rows.
        classes: `C` codes, in the order of the columns wanted.

    Returns:
        labels bool `[N, C]`, and known bool `[N, C]`; labels are False where nothing is known.

    Raises:
        ValueError: a class is not in the data set's list, or, where there is no list, a label not among `classes`.
    """
    place = {code: column for column, code in enumerate(classes)}
    strangers = [code for code in classes if manifest.classes is not None and code not in manifest.classes]
    if strangers or len(place) != len(classes):
        raise ValueError(
            f"classes must be different ones of the data set, got {', '.join(strangers or classes)} ({manifest.folder})"
        )
    labels = np.zeros((len(manifest), len(classes)), bool)
    known = np.ones_like(labels)
    for index, cell in enumerate(manifest.column("labels")):
        try:
            applying, unknown, unlabelled = parse_labels(cell)
            if manifest.classes is not None:
                manifest._check_codes(applying, unknown)
            elif any(code not in place for code in applying + unknown):
                raise CellError("labels", f"label must be one of {', '.join(classes)}, got {cell!r}")
        except CellError as error:
            raise ValueError(f"{error} ({manifest.path}, line {index + 2}, column labels)") from None
        labels[index, [place[code] for code in applying if code in place]] = True
        known[index, [place[code] for code in unknown if code in place]] = False
        known[index] &= not unlabelled
    known[:, [place[code] for code in manifest.unannotated if code in place]] = False
    return labels, known


def write_manifest(path: str | Path, rows: Iterable[Row], extra_columns: Sequence[str] = ()) -> int:
    """Writes a manifest, whole or not at all, and returns its number of rows.

    Line breaks and tabs inside the extra columns become blanks; in any other column they are refused.

    Args:
        path: the file.
        rows: recordings; what `extra` lacks of the extra columns stays empty.
        extra_columns: names of further columns, in order.

    Raises:
        ValueError: a row could not be read back as it is, an id comes twice, or a name of a column is taken.
    """
    path, seen = Path(path), set()
    for name in extra_columns:
        if name in COLUMNS or clean(name) != name or not name or list(extra_columns).count(name) > 1:
            raise ValueError(f"extra column must have a new name without tabs, got {name!r} ({path})")
    with written_whole(path, "w") as file:
        file.write("\t".join((*COLUMNS, *extra_columns)) + "\n")
        for row in rows:
            if row.id in seen:
                raise ValueError(f"id must be unique, got {row.id!r} a second time ({path})")
            seen.add(row.id)
            try:
                file.write("\t".join(format_row(row, extra_columns)) + "\n")
            except CellError as error:
                raise ValueError(f"{error} ({path}, recording {row.id!r}, column {error.column})") from None
    return len(seen)
