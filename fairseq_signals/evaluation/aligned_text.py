"""Columns of text that stand below each other in a terminal."""

import re
from collections.abc import Sequence

_STYLE = re.compile(r"\033\[[0-9;]*m")


def aligned(lines: Sequence[Sequence[str]], sides: Sequence[str], gap: str = "  ") -> list[str]:
    """The lines with every column as wide as its widest cell, without blanks at their ends.

    Args:
        lines: rows of equally many cells; escape sequences that set a terminal's style take no room.
        sides: for each column `<` (flush left) or `>` (flush right).
        gap: what stands between two columns.

    Raises:
        ValueError: a line has another number of cells than there are sides.
    """
    for line in lines:
        if len(line) != len(sides):
            raise ValueError(f"line of a table must have {len(sides)} cells, got {len(line)} ({' '.join(line)})")
    widths = [max(map(_visible, column)) for column in zip(*lines, strict=True)]
    return [
        gap.join(_padded(cell, side, width) for cell, side, width in zip(line, sides, widths, strict=True)).rstrip()
        for line in lines
    ]


def _padded(cell: str, side: str, width: int) -> str:
    blanks = " " * (width - _visible(cell))
    return blanks + cell if side == ">" else cell + blanks


def _visible(cell: str) -> int:
    return len(_STYLE.sub("", cell))
