"""Many cells of a column `labels` at once, each different class code parsed once."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import count

import numpy as np

from fairseq_signals.data.row import NOTHING_KNOWN, CellError, parse_labels

_NONE, _BAD = -1, -2  # no code, and no label at all


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
        place, applies, alone = np.array(parsed, np.int64).reshape(-1, 3).T[:, which]
        owners = np.repeat(np.arange(len(cells)), counts)
        self.codes = list(places)
        self.unlabelled = np.array([cell == NOTHING_KNOWN for cell in cells], bool)
        known = place >= 0
        self.cells, self.places, self.applies = owners[known], place[known], applies[known] == 1
        self.bad = np.zeros(len(cells), bool)
        self.bad[owners[(place == _BAD) | ((alone == 1) & (counts[owners] > 1))]] = True
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


def _tokens(cells: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """What stands between commas, one cell after the other, and the number of each cell's."""
    text = "\n".join(cells)
    raw = np.frombuffer(text.encode(), np.uint8)
    commas, ends = np.flatnonzero(raw == ord(",")), np.flatnonzero(raw == ord("\n"))
    counts = np.diff(np.searchsorted(commas, ends), prepend=0, append=len(commas)) + 1
    return (text.replace("\n", ",").split(","), counts) if cells else ([], np.zeros(0, np.int64))


def _parse(token: str, places: dict[str, int]) -> tuple[int, bool, bool]:
    """Place of its code, whether it applies, and whether the token must stand alone."""
    try:
        labels, unknown, _ = parse_labels(token)
    except CellError:
        return _BAD, False, False
    codes = labels + unknown  # one, but none in an empty cell and where nothing is known
    return (places[codes[0]], bool(labels), False) if codes else (_NONE, False, True)
