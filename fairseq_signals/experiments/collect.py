"""The scores of finished trainings, one row per cell and seed."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.fingerprint import leads_of
from fairseq_signals.experiments.plan import Cell
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study import Study, Task


def collect(study: Study, cells: Iterable[Cell], dest: Path) -> tuple[list[dict[str, Any]], list[Cell]]:
    """Rows `table, row, task, column, metric, seed, value` of the cells that are done, and the cells that are not.

    Raises:
        ValueError: a file of scores lacks the metric that the study names, or was made with other settings.
    """
    rows, missing = [], []
    for cell in cells:
        state = State(cell.job, dest)
        if not state.done:
            missing.append(cell)
            continue
        state.check()
        value = _score(state, cell, study.tasks[cell.task])
        rows.append(
            {
                "table": cell.table,
                "row": cell.row,
                "task": cell.task,
                "column": cell.column,
                "metric": study.tasks[cell.task].metric,
                "seed": cell.seed,
                "value": value,
            }
        )
    return rows, missing


def _score(state: State, cell: Cell, task: Task) -> float:
    path, metric = state.metrics(task.subset), task.metric
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"scores must be readable JSON, got {error} ({path})") from error
    if not isinstance(scores, dict) or metric not in scores:
        known = [name for name, value in scores.items() if isinstance(value, float)] if isinstance(scores, dict) else []
        raise ValueError(f"metric of {cell.task} must be one of {', '.join(known)}, got {metric!r} ({path})")
    _check_leads(state, scores, path)
    value = scores[metric]
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{metric} must be a number or null, got {value!r} ({path})")
    return float(value)


def _check_leads(state: State, scores: dict[str, Any], path: Path):
    # The settings say what was asked for, the scores what was done: two witnesses of the same.
    wanted = parse_leads(str(leads_of(compose_recipe(state.job.recipe, state.job.settings))))
    if tuple(scores.get("leads", wanted)) != wanted:
        raise ValueError(f"leads must be {', '.join(wanted)}, got {', '.join(scores['leads'])} ({path})")
