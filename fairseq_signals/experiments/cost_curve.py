"""A score over what it cost: validation while a training goes on, behind the trainings that it starts from.

The cost is the encoder's arithmetic (`experiments.cost`), not hours: it is the same on every machine, however busy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fairseq_signals.evaluation.cost_curve_picture import draw_cost_curves, write_cost_curves
from fairseq_signals.evaluation.training_log import read_training_log
from fairseq_signals.experiments.cost import Cost
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.listing import cost_of
from fairseq_signals.experiments.plan import Cell
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study import Study


@dataclass(frozen=True)
class CostCurve:
    """A training's score by cost.

    Attributes:
        label: of its row, task, column and, where there are several, seed or choice.
        operations: at each validation, those of the trainings that it starts from included, FLOP.
        scores: at each validation.
    """

    label: str
    operations: tuple[int, ...]
    scores: tuple[float, ...]


def cost_curves(study: Study, cells: Iterable[Cell], dest: Path, metric: str) -> list[CostCurve]:
    """A curve for each training behind the cells that has begun, of its first validation subset.

    Raises:
        ValueError: no training has begun, its data is not there, or its log has no such score.
    """
    cells = list(cells)
    jobs = {job.name: (cell, job) for cell in cells for job in (cell.job.choices or (cell.job,))}
    begun = [(cell, job) for cell, job in jobs.values() if _log(job, dest).is_file()]
    if not begun:
        raise ValueError(f"trainings to draw must have begun, got none of {len(jobs)} in {dest}")
    curves = [_curve(study, cell, job, dest, metric) for cell, job in begun]
    labels = [curve.label for curve in curves]
    return [
        replace(curve, label=job.name) if labels.count(curve.label) > 1 else curve
        for curve, (_, job) in zip(curves, begun, strict=True)
    ]


def write_cost_curves_of(study: Study, cells: Sequence[Cell], dest: Path, metric: str) -> str:
    """Writes DEST/tables/cost_METRIC.tsv and .png; gives what to print.

    Raises:
        ValueError: as `cost_curves` does.
    """
    curves = cost_curves(study, cells, dest, metric)
    points = {curve.label: list(zip(curve.operations, curve.scores, strict=True)) for curve in curves}
    path = Path(dest) / "tables" / f"cost_{metric}"
    draw_cost_curves(points, path.with_suffix(".png"), metric)
    write_cost_curves(path.with_suffix(".tsv"), points, metric)
    return f"{len(points)} curves, written to {path}.tsv and .png"


def _curve(study: Study, cell: Cell, job: Job, dest: Path, metric: str) -> CostCurve:
    parents = [_known(one, study.seconds) for one in job.line[:-1] if not one.choices]  # to choose costs nothing
    before, own = sum(cost.flops for cost in parents), _known(job, study.seconds)
    points = _validated(_log(job, dest), metric)
    words = [study.method(cell.row).label or cell.row, study.tasks[cell.task].label]
    words += [study.columns[cell.column].label or cell.column]
    spent = tuple(before + round(own.flops * update / own.updates) for update, _ in points)
    return CostCurve(", ".join(words), spent, tuple(value for _, value in points))


def _known(job: Job, seconds: Mapping[str, float]) -> Cost:
    cost = cost_of(job, seconds)
    if cost is None:
        raise ValueError(f"data of {job.name} must be prepared, got none at {job.data}")
    return cost


def _validated(log: Path, metric: str) -> list[tuple[int, float]]:
    curves = {name: found for name, found in read_training_log(log).items() if name != "train"}
    if not curves:
        raise ValueError(f"training must have been validated once, got no report of it in {log}")
    subset, named = next(iter(curves.items()))
    if metric not in named:
        raise ValueError(f"metric must be one of {', '.join(sorted(named))} ({subset}), got {metric!r} ({log})")
    return named[metric]


def _log(job: Job, dest: Path) -> Path:
    return State(job, dest).folder / "train.log"
