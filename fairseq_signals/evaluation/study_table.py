"""A study's table as a paper prints it, filled from the runs: seeds in one number, the paper's beside it.

Conventions:
    A run is one finished training with one score: `table, row, task, column, metric, seed, value`; more keys are
    left alone. A cell is what the runs of a row, task and column that differ only in the seed say together. Higher
    is better in every metric. A value of NaN, or None as in JSON, is a run without a score and makes its cell NaN.
"""

import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fairseq_signals.evaluation.intervals import mean_deviation, mean_interval
from fairseq_signals.evaluation.published import Published
from fairseq_signals.evaluation.study_layout import Cell, Place, Table, TableLayout
from fairseq_signals.evaluation.study_notes import table_notes

RUN_KEYS = ("table", "row", "task", "column", "metric", "seed", "value")
TIE = 1e-9
_UNKNOWN = (math.nan, math.nan)
_SPREAD = {"interval": mean_interval, "deviation": mean_deviation}


def fill(layout: TableLayout, runs: Iterable[Mapping[str, Any]], published: Published | None = None) -> Table:
    """The table that the runs fill, with the paper's values beside them where the metric is the same.

    Args:
        layout: the table; runs of other tables are not its business, and a note names the metrics of this table's
            runs that it does not show.
        runs: one per finished training and score.
        published: the paper's values, as `read_published` gives them.

    Raises:
        ValueError: a run lacks a key, stands where the table has no cell, repeats another's cell and seed, or has a
            value that is neither finite nor NaN nor None.
    """
    published = published or {}
    here = [run for run in map(_checked, runs) if str(run["table"]) == layout.name]
    by_seed, hidden = _by_seed(layout, here)
    cells = {}
    for place in layout.places():
        values = list(by_seed.get(place, {}).values())
        mean, half_width = _SPREAD[layout.spread](values) if values else _UNKNOWN
        beside = published.get((layout.name, *place, layout.metrics[place[1]]), _UNKNOWN)
        cells[place] = Cell(len(values), mean, half_width, False, *beside)
    bold = _best(layout, cells) if layout.highlight == "best" else _improved(layout, cells)
    cells = {place: replace(cell, bold=place in bold) for place, cell in cells.items()}
    return Table(layout, cells, table_notes(layout, cells, published, hidden))


def _checked(run: Mapping[str, Any]) -> Mapping[str, Any]:
    missing = [key for key in RUN_KEYS if key not in run]
    if missing:
        raise ValueError(f"run must have {', '.join(RUN_KEYS)}, got none of {', '.join(missing)} ({dict(run)})")
    value = run["value"]
    if value is not None and (not isinstance(value, numbers.Real) or math.isinf(value)):
        raise ValueError(f"value of a run must be a finite number, NaN or None, got {value!r} ({dict(run)})")
    return run


def _by_seed(
    layout: TableLayout, runs: Iterable[Mapping[str, Any]]
) -> tuple[dict[Place, dict[str, float]], set[tuple[str, str]]]:
    """Values by place and seed; and (task, metric) of the runs in another metric than the task's."""
    places, hidden = set(layout.places()), set()
    by_seed: dict[Place, dict[str, float]] = {}
    for run in runs:
        place = str(run["row"]), str(run["task"]), str(run["column"])
        where = f"{layout.name}, {' '.join(place)}"
        if place not in places:
            raise ValueError(f"run must belong to a row, task and column of its table, got none ({where})")
        if run["metric"] != layout.metrics[place[1]]:
            hidden.add((place[1], str(run["metric"])))
            continue
        seeds = by_seed.setdefault(place, {})
        if str(run["seed"]) in seeds:
            raise ValueError(f"runs of a cell must differ in their seed, got {run['seed']} twice ({where})")
        seeds[str(run["seed"])] = math.nan if run["value"] is None else float(run["value"])
    return by_seed, hidden


def _best(layout: TableLayout, cells: Mapping[Place, Cell]) -> set[Place]:
    """The highest means of each column and task, equal ones together; none where a single row has a value."""
    best = set()
    for task in layout.tasks:
        for column in layout.columns:
            means = {row.name: cells[row.name, task.name, column].mean for row in layout.rows}
            means = {name: mean for name, mean in means.items() if not math.isnan(mean)}
            if len(means) > 1:
                top = max(means.values()) - TIE
                best |= {(name, task.name, column) for name, mean in means.items() if mean >= top}
    return best


def _improved(layout: TableLayout, cells: Mapping[Place, Cell]) -> set[Place]:
    """The cells above those of their row's baseline; a comparison with NaN is false."""
    baselines = {row.name: row.baseline for row in layout.rows if row.baseline}
    return {
        (row, task, column)
        for row, task, column in layout.places()
        if row in baselines and cells[row, task, column].mean > cells[baselines[row], task, column].mean + TIE
    }
