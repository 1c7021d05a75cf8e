"""Many cells of a column `labels` at once, each different class code parsed once."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import count

import numpy as np

from fairseq_signals.data.row import CellError, parse_labels


class LabelCells:
    """What `D` cells say, by the rules of `row.parse_labels`.

    Attributes:
        codes: the different class codes that stand in them.
        cells, places: int64 `[K]`: code `codes[places[k]]` stands in cell `cells[k]`.
        applies: bool `[K]`, False where it stands there as unknown (`?CODE`).
        unlabelled: bool `[D]`: nothing is known (`-`).
        bad: bool `[D]`: no list of labels.
    """

    def __init__(self, cells: Sequence[str]):
        tokens, counts = _tokens(cells)
        numbers: dict[str, int] = defaultdict(count().__next__)
        which = np.fromiter(map(numbers.__getitem__, tokens), np.int64, len(tokens))
        places: dict[str, int] = defaultdict(count().__next__)
        parsed = [_parse(token, places) for token in numbers]
        place, applies, nothing = np.array(parsed, np.int64).reshape(-1, 3).T
        owners = np.repeat(np.arange(len(cells)), counts)
        self.codes = list(places)
        self.unlabelled, self.bad = np.zeros(len(cells), bool), np.zeros(len(cells), bool)
        self.unlabelled[owners[nothing[which] == 1]] = True
        self.bad[owners[place[which] == _BAD]] = True
        self.bad |= self.unlabelled & (counts > 1)
        known = place[which] >= 0
        self.cells, self.places = owners[known], place[which][known]
        self.applies = applies[which][known].astype(bool)
        self.bad[self._twice()] = True

    def _twice(self) -> np.ndarray:
        keys = np.sort(self.cells * max(len(self.codes), 1) + self.places)
        return keys[1:][keys[1:] == keys[:-1]] // max(len(self.codes), 1)

    def refused(self, classes: Collection[str], unannotated: Collection[str] = ()) -> np.ndarray:
        """Cells with a code that is not among `classes`, or with one that applies although it is unannotated."""
        stranger = np.array([code not in classes for code in self.codes], bool)
        never = np.array([code in unannotated for code in self.codes], bool)
        refused = np.zeros(len(self.bad), bool)
        refused[self.cells[stranger[self.places] | (never[self.places] & self.applies)]] = True
        return refused

    def matrices(self, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Which classes apply and which are known: two of bool `[D, C]`; other codes are passed over."""
        column = {code: place for place, code in enumerate(classes)}
        columns = np.array([column.get(code, -1) for code in self.codes], np.int64)[self.places]
        labels, known = np.zeros((len(self.bad), len(classes)), bool), np.ones((len(self.bad), len(classes)), bool)
        for matrix, value, chosen in ((labels, True, self.applies), (known, False, ~self.applies)):
            chosen = chosen & (columns >= 0)
            matrix[self.cells[chosen], columns[chosen]] = value
        known[self.unlabelled] = False
        return labels, known


_NONE, _BAD = -1, -2


def _tokens(cells: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """What stands between commas, one cell after the other, and the number of each cell's."""
    counts = np.fromiter((cell.count(",") + 1 if cell else 0 for cell in cells), np.int64, len(cells))
    text = ",".join(filter(None, cells))
    return text.split(",") if text else [], counts


def _parse(token: str, places: dict[str, int]) -> tuple[int, bool, bool]:
    try:
        labels, unknown, unlabelled = parse_labels(token)
    except CellError:
        return _BAD, False, False
    codes = labels + unknown  # none where nothing is known, none in an empty cell, else one
    if not (codes or unlabelled):
        return _BAD, False, False  # nothing between two commas
    return places[codes[0]] if codes else _NONE, bool(labels), unlabelled
