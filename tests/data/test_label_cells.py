"""Against `parse_labels`, cell by cell."""

import numpy as np
import pytest

from fairseq_signals.data.label_cells import LabelCells
from fairseq_signals.data.row import CellError, parse_labels

ODD = [
    "",
    "-",
    "A",
    "?A",
    "A,?B",
    "A,A",
    "A,?A",
    "-,A",
    "A,-",
    "?-",
    "?",
    "??A",
    "A?",
    ",",
    "A,",
    ",A",
    " ",
    " A",
    "A, B",
    "-,-",
]
ODD += ["NA", "nan", "007", "1e3", "É,?é", "A,,B", "None,NA", "12", "?12", "A,?12"]


def _random(number: int) -> list[str]:
    generator = np.random.default_rng(number)
    parts = ["A", "B", "C", "CC", "?A", "?B", "-", "", " ", "?", "12"]
    likely = np.array([9, 9, 9, 9, 9, 9, 1, 1, 1, 1, 9]) / 67
    return [",".join(generator.choice(parts, generator.integers(0, 5), p=likely)) for _ in range(500)]


@pytest.mark.parametrize("cells", [ODD, *map(_random, range(3)), [""], ["-"], []], ids=lambda cells: str(len(cells)))
def test_cells_say_what_they_say_one_by_one(cells):
    parsed = LabelCells(cells)
    classes, unannotated = ["CC", "A", "12", "É", "Z"], ("12",)
    labels, known = parsed.matrices(classes)
    assert labels.shape == known.shape == (len(cells), 5) and labels.dtype == known.dtype == bool
    refused = parsed.refused(frozenset([*classes, "B"]), unannotated)
    for place, cell in enumerate(cells):
        try:
            applying, unknown, unlabelled = parse_labels(cell)
        except CellError:
            assert parsed.bad[place], cell
            continue
        assert not parsed.bad[place], cell
        assert parsed.unlabelled[place] == unlabelled
        assert labels[place].tolist() == [code in applying for code in classes]
        assert known[place].tolist() == [not unlabelled and code not in unknown for code in classes]
        strange = any(code not in [*classes, "B"] for code in applying + unknown)
        assert refused[place] == (strange or "12" in applying), cell
