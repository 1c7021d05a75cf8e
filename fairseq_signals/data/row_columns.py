"""The cells of all rows of a manifest as arrays, each different cell parsed once by the rules of `row`."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from fairseq_signals.data import byte_spans
from fairseq_signals.data.label_cells import LabelCells
from fairseq_signals.data.row import COLUMNS, WEIGHT, CellError, is_stored, parse_cell
from fairseq_signals.data.tab_separated import TabSeparated

_COLON = ord(":")
_DIGITS = 18  # of a row in the store, at most


class RowColumns:
    """All rows; what stands in a row that is `bad` means nothing.

    Attributes:
        bad: bool `[N]`, rows of which `row.parse_row` would refuse a cell.
        starts, lengths: samples, int64 `[N]`.
        rates: Hz, float64 `[N]`.
        layouts, layout: the sets of leads as they are spelt, and which of them each row has, int32 `[N]`.
        shards: names of shards, in the order in which they come.
        shard: which of them each row lies in, int32 `[N]`, -1 for a file of its own.
        numbers: row within the shard, int64 `[N]`.
        files, paths: rows that are files of their own, int64, and their paths.
        patients: which patient, int32 `[N]`, numbered in the order in which they come.
    """

    def __init__(
        self,
        text: TabSeparated,
        names: Sequence[str],
        classes: Collection[str] | None = None,
        unannotated: Collection[str] = (),
    ):
        """Parses the columns.

        Args:
            text: the manifest's text.
            names: its columns.
            classes: codes that may stand in `labels`, all where None.
            unannotated: codes that must not apply there.
        """
        self._raw = text.raw
        self.bad = np.zeros(len(text) - 1, bool)
        self.bad[text.undecodable()] = True
        used = [*COLUMNS, *([WEIGHT] if WEIGHT in names else [])]
        spans = dict(zip(used, text.spans([names.index(name) for name in used]), strict=True))
        self.bad |= byte_spans.blank(self._raw, *spans.pop("id"))
        self.bad |= byte_spans.blank(self._raw, *spans["patient"])
        _, self.patients = byte_spans.distinct(self._raw, *spans.pop("patient"))
        self._recordings(*spans.pop("ecg"))
        self._labels(*spans.pop("labels"), classes, unannotated)
        self.starts = self._numbers("start", spans, np.int64)
        self.lengths = self._numbers("length", spans, np.int64)
        self.rates = self._numbers("rate", spans, np.float64)
        self.layouts, self.layout = self._parsed("leads", spans, ())
        if WEIGHT in spans:
            self._parsed(WEIGHT, spans, 0)
        del self._raw

    def _distinct(self, starts, stops) -> tuple[list[str], np.ndarray]:
        first, places = byte_spans.distinct(self._raw, starts, stops)
        return byte_spans.texts(self._raw, starts[first], stops[first], "replace"), places

    def _parsed(self, name: str, spans: dict[str, np.ndarray], instead: Any) -> tuple[list[Any], np.ndarray]:
        cells, places = self._distinct(*spans.pop(name))
        values, good = [], np.zeros(len(cells), bool)
        for place, cell in enumerate(cells):
            try:
                values.append(parse_cell(name, cell))
                good[place] = True
            except CellError:
                values.append(instead)
        self.bad |= ~good[places]
        return values, places

    def _numbers(self, name: str, spans: dict[str, np.ndarray], kind: type) -> np.ndarray:
        values, places = self._parsed(name, spans, 0)
        return np.array(values, kind)[places]

    def _labels(self, starts, stops, classes, unannotated) -> None:
        cells, places = self._distinct(starts, stops)
        labels = LabelCells(cells)
        bad = labels.bad if classes is None else labels.bad | labels.refused(classes, unannotated)
        self.bad |= bad[places]

    def _recordings(self, starts, stops) -> None:
        """Shards and numbers out of `shard:number`; what is not that must be a path."""
        self.shard, self.numbers = np.full(len(starts), -1, np.int32), np.zeros(len(starts), np.int64)
        colons = _colons(self._raw, starts, stops)
        rows = np.flatnonzero(colons >= 0)
        names, shard = self._distinct(starts[rows], colons[rows])
        digits, number = self._distinct(colons[rows] + 1, stops[rows])
        is_name = np.array([is_stored(f"{name}:0") for name in names], bool)
        is_number = np.array([is_stored(f"s:{text}") for text in digits], bool)
        stored = is_name[shard] & is_number[number]
        values = np.array([int(text) if fits else 0 for text, fits in zip(digits, is_number, strict=True)], np.int64)
        self.shards, self.shard[rows[stored]] = _first_come(names, shard[stored])
        self.numbers[rows[stored]] = values[number[stored]]
        self.files = np.flatnonzero(self.shard < 0)
        self.paths = byte_spans.texts(self._raw, starts[self.files], stops[self.files], "replace")
        self.bad[self.files] |= np.array([_refused("ecg", path) for path in self.paths], bool)


def _colons(raw, starts, stops) -> np.ndarray:
    """Where the last colon stands that a number can follow, -1 where there is none."""
    found, left = np.full(len(starts), -1, np.int64), np.arange(len(starts))
    for back in range(2, _DIGITS + 2):
        left = left[stops[left] - back > starts[left]]
        here = raw[stops[left] - back] == _COLON
        found[left[here]] = stops[left[here]] - back
        left = left[~here]
    return found


def _first_come(names: list[str], places: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The names that are used, and the places among them."""
    used = np.unique(places)
    return [names[place] for place in used], np.searchsorted(used, places)


def _refused(column: str, cell: str) -> bool:
    try:
        parse_cell(column, cell)
    except CellError:
        return True
    return False
