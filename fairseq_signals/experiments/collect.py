"""The scores of finished trainings, one row per cell and seed."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairseq_signals.experiments.plan import Cell
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study import Study


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
        metric = study.tasks[cell.task].metric
        scores = json.loads(state.metrics.read_text(encoding="utf-8"))
        if metric not in scores:
            known = ", ".join(name for name, value in scores.items() if isinstance(value, float))
            raise ValueError(f"metric of {cell.task} must be one of {known}, got {metric!r} ({state.metrics})")
        value = math.nan if scores[metric] is None else float(scores[metric])
        rows.append(
            {
                "table": cell.table,
                "row": cell.row,
                "task": cell.task,
                "column": cell.column,
                "metric": metric,
                "seed": cell.seed,
                "value": value,
            }
        )
    return rows, missing
