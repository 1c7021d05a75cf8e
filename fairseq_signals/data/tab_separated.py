"""Tab-separated text whose lines and cells are found without being parsed.

Conventions: UTF-8, with or without a byte-order mark, line ends of either kind, no quoting: what stands between two
tabs is the cell, whatever it looks like. The first line is the header; row n is line n + 1, both counted from 0.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fairseq_signals.data import byte_spans

_BLOCK = 1 << 24  # bytes looked at together while lines are counted
_LINES = 1 << 16  # lines looked at together while cells are found
_TAB, _NEWLINE, _RETURN = 9, 10, 13


class TabSeparated:
    """The lines of a file; what is kept is the mapped file and 8 bytes per line.

    Attributes:
        path: the file.
        uneven: the first line (counted from 1) that has another number of cells than the header, and that number;
            None where there is none.
    """

    def __init__(self, path: Path):
        """Finds where the lines end.

        Raises:
            FileNotFoundError: there is no such file.
        """
        self.path = path
        if not self.path.is_file():
            raise FileNotFoundError(f"manifest must be a file, got none at {self.path}")
        self._open()
        self._ends, tabs = _scan(self._bytes)
        odd = np.flatnonzero(tabs != tabs[:1])
        self.uneven = (int(odd[0]) + 1, int(tabs[odd[0]]) + 1) if len(odd) else None

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

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def raw(self) -> np.ndarray:
        """The bytes of the file, uint8, not copied."""
        return np.frombuffer(self._bytes, np.uint8)

    def fields(self, line: int) -> list[str]:
        """Cells of one line as text; line 0 is the header.

        Raises:
            ValueError: the line is not UTF-8.
        """
        start = int(self._ends[line - 1]) + 1 if line else 0
        raw = self._bytes[start : int(self._ends[line])].removesuffix(b"\r")
        try:
            return raw.decode("utf-8-sig" if line == 0 else "utf-8").split("\t")
        except UnicodeDecodeError as error:
            raise ValueError(f"text must be UTF-8, got {error} ({self.path}, line {line + 1})") from error

    def spans(self, columns: Sequence[int]) -> np.ndarray:
        """Where the cells of some columns begin and stop: int64 `[columns, 2, rows]`, positions in `raw`."""
        found = np.empty((len(columns), 2, max(len(self) - 1, 0)), np.int64)
        for first in range(1, len(self), _LINES):
            ends = self._ends[first - 1 : first + _LINES]
            base = int(ends[0]) + 1
            block = np.frombuffer(self._bytes[base : int(ends[-1])], np.uint8)
            tabs = (np.flatnonzero(block == _TAB) + base).reshape(len(ends) - 1, -1)
            returns = block[ends[1:] - 1 - base] == _RETURN
            starts = [ends[:-1] + 1, *(tabs.T + 1)]
            stops = [*tabs.T, ends[1:] - returns]
            for place, column in enumerate(columns):
                found[place, :, first - 1 : first - 1 + len(returns)] = starts[column], stops[column]
        return found

    def column(self, column: int) -> list[str]:
        """All cells of a column as text, in the order of the rows.

        Raises:
            ValueError: a line is not UTF-8.
        """
        ((starts, stops),) = self.spans([column])
        try:
            return byte_spans.texts(self.raw, starts, stops)
        except UnicodeDecodeError:
            return [self.fields(line)[column] for line in range(1, len(self))]

    def distinct(self, column: int) -> tuple[list[str], np.ndarray]:
        """The different cells of a column in the order in which they come, and int32 `[rows]`: which each row has.

        Raises:
            ValueError: a line is not UTF-8.
        """
        ((starts, stops),) = self.spans([column])
        first, places = byte_spans.distinct(self.raw, starts, stops)
        try:
            return byte_spans.texts(self.raw, starts[first], stops[first]), places
        except UnicodeDecodeError:
            return [self.fields(row + 1)[column] for row in first.tolist()], places

    def undecodable(self) -> np.ndarray:
        """Rows whose line is not UTF-8, ascending."""
        found = []
        for first in range(1, len(self), _LINES):
            last = min(first + _LINES, len(self))
            try:
                self._bytes[int(self._ends[first - 1]) + 1 : int(self._ends[last - 1])].decode("utf-8")
            except UnicodeDecodeError:
                found += [line - 1 for line in range(first, last) if not self._is_text(line)]
        return np.array(found, np.int64)

    def _is_text(self, line: int) -> bool:
        try:
            self.fields(line)
        except ValueError:
            return False
        return True


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
