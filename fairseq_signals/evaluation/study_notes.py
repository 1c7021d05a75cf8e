"""The lines below a study's table: what its signs mean, and what it does not show."""

import math
from collections.abc import Collection, Mapping

from fairseq_signals.evaluation.published import Published
from fairseq_signals.evaluation.study_layout import Cell, Place, TableLayout

_PLUS_MINUS = {
    "interval": "±: half-width of the mean's 95 % confidence interval over seeds (Student's t)",
    "deviation": "±: standard deviation of the runs",
}


def table_notes(
    layout: TableLayout, cells: Mapping[Place, Cell], published: Published, hidden: Collection[tuple[str, str]]
) -> tuple[str, ...]:
    """The layout's own notes, a line on the signs that occur in the table, and a line on the tasks' metrics.

    Args:
        layout: the table.
        cells: its cells.
        published: the paper's values in whatever metric.
        hidden: (task, metric) of the runs that the table does not show.
    """
    metrics = "; ".join(_metric(layout, task.name, task.label, published, hidden) for task in layout.tasks)
    return (*layout.notes, *_signs(layout, cells), metrics)


def _signs(layout: TableLayout, cells: Mapping[Place, Cell]) -> list[str]:
    wanted = {row.name: layout.wanted(row) for row in layout.rows}
    short = sorted({wanted[place[0]] for place, cell in cells.items() if 0 < cell.n < wanted[place[0]]})
    occurs = {
        _PLUS_MINUS[layout.spread]: lambda cell: cell.n > 1,
        "(value): the paper's, on the paper's data": lambda cell: not math.isnan(cell.published),
        _bold(layout): lambda cell: cell.bold,
        "-: no run": lambda cell: cell.n == 0,
        "nan: a run without a score": lambda cell: cell.n and math.isnan(cell.mean),
    }
    signs = [sign for sign, has in occurs.items() if any(map(has, cells.values()))]
    if short:
        signs.append(f"[n]: n runs where {' or '.join(map(str, short))} are wanted")
    return ["; ".join(signs)] if signs else []


def _bold(layout: TableLayout) -> str:
    if layout.highlight == "best":
        return "bold: the highest mean of a column and task"
    labels = {row.name: row.label for row in layout.rows}
    pairs = [f"{row.label} over {labels[row.baseline]}" for row in layout.rows if row.baseline]
    return f"bold: a higher mean ({', '.join(pairs)})"


def _metric(
    layout: TableLayout, task: str, label: str, published: Published, hidden: Collection[tuple[str, str]]
) -> str:
    metric = layout.metrics[task]
    theirs = {key[4] for key in published if (key[0], key[2]) == (layout.name, task)} - {metric}
    ours = {name for other, name in hidden if other == task}
    but = [f"the paper's {name} is not comparable with it and not shown" for name in sorted(theirs)]
    but += [f"runs in {name} are not shown" for name in sorted(ours)]
    return f"{label} is {metric}" + (f" ({'; '.join(but)})" if but else "")
