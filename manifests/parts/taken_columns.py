"""Names of columns that a manifest gives a meaning of its own, which a table from elsewhere cannot have."""

from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.data.row import COLUMNS, WEIGHT

_TOLD_BY_TABLES = ("id", "patient", "labels")
TAKEN = (*(name for name in COLUMNS if name not in _TOLD_BY_TABLES), "derived", "waveform", "source", WEIGHT)
"""`source` is whose names patients have: those of one ward called P1 and of another would be two people."""


def refuse_taken(columns: Sequence[str], path: Path, way_out: str, more: Sequence[str] = ()) -> None:
    """Makes sure that no column is taken for something that it is not, nor left out.

    Args:
        columns: of the table.
        path: of the table.
        way_out: what to do about it; `{0}` stands for the column.
        more: names that the preparer uses besides.

    Raises:
        ValueError: names the column, and what to do.
    """
    taken = (*TAKEN, *more)
    wrong = [name for name in columns if name in taken]
    if wrong:
        raise ValueError(
            f"columns must have names of their own, none of {', '.join(taken)}, got {wrong[0]!r} ({path}, row 1); "
            f"{way_out.format(wrong[0])}"
        )
