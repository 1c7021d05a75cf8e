"""A study's tables as text for a terminal and as a file for a spreadsheet."""

import math
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.evaluation.report import write_table
from fairseq_signals.evaluation.study_layout import Cell, Table

CELL_COLUMNS = (
    "table",
    "row",
    "task",
    "column",
    "metric",
    "n",
    "mean",
    "half_width",
    "bold",
    "published",
    "published_spread",
)
_ASTERISKS = ("**", "**"), ("  ", "")  # around bold cells and around others, so that digits stand below digits
_ESCAPES = ("\033[1m", "\033[0m"), ("", "")
_LINE = 110  # letters of a title's or a note's line


def table_text(table: Table, styled: bool = False) -> str:
    """The table in a fixed-width font, with its title above and its notes below.

    A cell is `0.701 ± 0.004 (0.732)`: the mean of our runs, half of its confidence interval, and the paper's value;
    `[1]` behind the mean says that one run is finished where more are wanted.

    Args:
        table: the filled table.
        styled: bold print by a terminal's escape sequences; without them it stands between pairs of asterisks.
    """
    layout = table.layout
    indent = "  " if any(row.heading for row in layout.rows) else ""
    rows = [indent + row.label if task is layout.tasks[0] else "" for row in layout.rows for task in layout.tasks]
    tasks = [task.label for task in layout.tasks] * len(layout.rows)
    columns = [_column(table, name, styled) for name in layout.columns]
    lines = aligned(list(zip(["", *rows], ["", *tasks], *columns, strict=True)), "<" * (2 + len(columns)))
    for number, row in reversed(list(enumerate(layout.rows))):
        if row.heading:
            lines.insert(1 + number * len(layout.tasks), row.heading)
    return "\n".join([*_wrapped([layout.title]), "", *lines, "", *_wrapped(table.notes)])


def write_table_tsv(path: str | Path, tables: Iterable[Table]) -> None:
    """Writes a line for each cell of the tables with the columns of `CELL_COLUMNS`; what cannot be had is `nan`."""
    write_table(path, CELL_COLUMNS, (line for table in tables for line in _cell_lines(table)))


def cell_parts(cell: Cell, wanted: int) -> tuple[str, str, str]:
    """What a cell says: our mean and half-width, the number of runs where it is short, and the paper's value."""
    ours = f"{cell.mean:.3f}" if cell.n else "-"
    if not math.isnan(cell.half_width):
        ours += f" ± {cell.half_width:.3f}"
    runs = f"[{cell.n}]" if 0 < cell.n < wanted else ""
    return ours, runs, "" if math.isnan(cell.published) else f"({cell.published:.3f})"


def _column(table: Table, column: str, styled: bool) -> list[str]:
    """A column's label and its cells, the parts of which stand below each other."""
    marks = _ESCAPES if styled else _ASTERISKS
    if not any(cell.bold for cell in table.cells.values()):
        marks = ("", ""), ("", "")
    parts = []
    for row in table.layout.rows:
        for task in table.layout.tasks:
            cell = table.cells[row.name, task.name, column]
            ours, runs, paper = cell_parts(cell, table.layout.wanted(row))
            before, after = marks[0] if cell.bold else marks[1]
            parts.append([f"{before}{ours}{after} {runs}".rstrip(), paper])
    cells = aligned(parts, "<<", gap=" ")
    return [" " * len(marks[1][0]) + table.layout.columns[column], *cells]


def _cell_lines(table: Table) -> Iterator[list[str]]:
    for place, cell in table.cells.items():
        row, task, column = place
        numbers = f"{cell.mean:.6g}", f"{cell.half_width:.6g}", str(int(cell.bold))
        paper = f"{cell.published:.6g}", f"{cell.published_spread:.6g}"
        yield [table.layout.name, row, task, column, table.layout.metrics[task], str(cell.n), *numbers, *paper]


def _wrapped(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, _LINE)]
