"""Words with which tables say that they say nothing, so that no class and no patient is called `nan`."""

import re

from fairseq_signals.data.row import NOTHING_KNOWN

NOTHING = frozenset(("", "-", ".", "?", "nan", "na", "n/a", "<na>", "#n/a", "none", "null", "missing", "unknown"))
"""In lower case. A source in whose tables one of them means something leaves that one out."""

_LABELS = NOTHING - {"", "."}  # an empty cell of labels says that none applies
_NOBODY = NOTHING | {"anonymous", "anonymized", "anonymised"}
_ONLY_X = re.compile("x+", re.IGNORECASE)


def patient_of_cell(cell: str | None) -> str | None:
    """The patient that a cell or a header names, or None where it names nobody (`nan`, `unknown`, `XXX`)."""
    cell = (cell or "").strip()
    return None if cell.lower() in _NOBODY or _ONLY_X.fullmatch(cell) else cell


def labels_of_cell(cell: str) -> str:
    """The cell of labels as it is, or `-` where it says in other words that nothing is known.

    Raises:
        ValueError: it says so beside a code.
    """
    if cell.lower() in _LABELS:
        return NOTHING_KNOWN
    beside = [code for code in cell.split(",") if code.strip().lower() in _LABELS]
    if beside:
        raise ValueError(f"labels must be codes, or one word for nothing known, got {beside[0].strip()!r} in {cell!r}")
    return cell
