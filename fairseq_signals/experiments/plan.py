"""From a study to trainings: each cell of a table is one fine-tuning per seed, and cells share what they can.

A training is known by its name alone, which is its folder below the study's: `pretraining/w2v/12/seed1`,
`diagnosis/w2v/P-6/seed1`. The same cell in two tables (12 leads in tables 1, 2 and 3) is one training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from fairseq_signals.experiments.study import Column, Method, Study, Task

PRETRAINING = "pretraining"
_OWN = ("task.data", "checkpoint.save_dir", "common.seed", "common.user_dir", "hydra.run.dir")


@dataclass(frozen=True)
class Job:
    """One training with its scores, or the scores of a baseline that learns nothing.

    Attributes:
        name: its folder below the study's.
        data: folder of manifests.
        recipe: yaml file of the training; for a baseline, of the one whose leads, windows and threshold it takes.
        settings: what differs from the recipe.
        parent: the pre-training whose encoder it starts from.
        task: what is scored after it; None scores nothing.
        descriptor: of a baseline without learning.
    """

    name: str
    data: str
    recipe: Optional[Path] = None
    settings: tuple[str, ...] = ()
    parent: Optional["Job"] = None
    task: Optional[Task] = None
    descriptor: Optional[str] = None

    @property
    def metrics(self) -> str:
        """Name of the file of scores in its folder."""
        return f"metrics_{self.task.subset}.json"


@dataclass(frozen=True)
class Cell:
    """One number of a table, of one seed."""

    table: str
    row: str
    task: str
    column: str
    seed: int
    job: Job


@dataclass(frozen=True)
class Selection:
    """Which cells; an empty field means all."""

    tables: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()

    def wants(self, cell: Cell) -> bool:
        """Whether the cell is among them."""
        pairs = [
            (self.tables, cell.table),
            (self.rows, cell.row),
            (self.tasks, cell.task),
            (self.columns, cell.column),
            (self.seeds, cell.seed),
        ]
        return all(not wanted or value in wanted for wanted, value in pairs)


def select_cells(study: Study, selection: Selection) -> list[Cell]:
    """The selected cells of a study's tables, in the order of the tables.

    A row that no table has (a method added as a recipe alone) is given every column and task of the selected tables.

    Raises:
        ValueError: a selected name that the study does not have, or nothing selected.
    """
    _check(study, selection)
    seeds = selection.seeds or study.seeds
    cells = []
    for table in study.tables.values():
        extra = [row for row in selection.rows if not any(row in other.rows for other in study.tables.values())]
        for row in (*table.rows, *extra):
            for task in table.tasks:
                for column in table.columns:
                    cells += _cells(study, table.name, row, task, column, seeds)
    cells = [cell for cell in cells if selection.wants(cell)]
    if not cells:
        raise ValueError(f"selection must leave at least one cell, got none of {study.path}: {selection}")
    return cells


def jobs_of(cells: Iterable[Cell]) -> list[Job]:
    """Every training behind the cells once, each after the one that it starts from."""
    jobs: dict[str, Job] = {}
    for cell in cells:
        for job in (cell.job.parent, cell.job):
            if job is not None:
                jobs.setdefault(job.name, job)
    return list(jobs.values())


def _cells(study: Study, table: str, row: str, task: str, column: str, seeds: Sequence[int]) -> list[Cell]:
    method = study.method(row)
    if method.descriptor:
        job = baseline(study, method, study.tasks[task], study.columns[column])
        return [Cell(table, row, task, column, seeds[0], job)]
    make = [(seed, training(study, method, study.tasks[task], study.columns[column], seed)) for seed in seeds]
    return [Cell(table, row, task, column, seed, job) for seed, job in make]


def baseline(study: Study, method: Method, task: Task, column: Column) -> Job:
    """The scores of a descriptor; it has no seed, as nothing in it is drawn."""
    name = f"{task.name}/{method.name}/{column.name}"
    settings = _finetuning(study, method, task, column)
    return Job(name, _data(study, task.name), _recipe(study, task.recipe), settings, None, task, method.descriptor)


def training(study: Study, method: Method, task: Task, column: Column, seed: int) -> Job:
    """A fine-tuning, with the pre-training that it starts from where the method has one.

    Raises:
        ValueError: a setting is the study's own business, or the study names no data for the task.
    """
    name = f"{task.name}/{method.name}/{column.name}/seed{seed}"
    settings = _finetuning(study, method, task, column)
    parent = pretraining(study, method, column, seed) if method.recipe else None
    _refuse_own(name, settings, ("model.pretrained",) if parent else ())
    settings = (*settings, f"common.seed={seed}")
    return Job(name, _data(study, task.name), _recipe(study, task.recipe), settings, parent, task)


def pretraining(study: Study, method: Method, column: Column, seed: int) -> Job:
    """The pre-training behind a column."""
    source = study.columns[column.pretrained_on or column.name]
    name = f"{PRETRAINING}/{method.name}/{source.name}/seed{seed}"
    settings = (*study.settings.get(PRETRAINING, ()), *method.pretraining, *source.pretraining)
    _refuse_own(name, settings)
    settings = (*settings, f"common.seed={seed}")
    return Job(name, _data(study, PRETRAINING), _recipe(study, method.recipe), settings)


def _finetuning(study: Study, method: Method, task: Task, column: Column) -> tuple[str, ...]:
    return (*study.settings.get("finetuning", ()), *task.settings, *method.finetuning, *column.finetuning)


def _recipe(study: Study, name: str) -> Path:
    return study.recipes / f"{name}.yaml"


def _data(study: Study, stage: str) -> str:
    if stage not in study.data:
        raise ValueError(f"data must name a folder for {stage}, got {', '.join(study.data) or 'none'} ({study.path})")
    return study.data[stage]


def _refuse_own(name: str, settings: Iterable[str], more: tuple[str, ...] = ()):
    # One of these in a setting would train elsewhere, on other data or from another encoder than the folder says.
    for text in settings:
        if text.partition("=")[0].strip("+~ ") in (*_OWN, *more):
            raise ValueError(
                f"settings of {name} must leave {', '.join((*_OWN, *more))} to the study (its data, methods, seeds and "
                f"--dest), got {text!r}"
            )


def _check(study: Study, selection: Selection):
    for kind, names in (("tables", selection.tables), ("tasks", selection.tasks), ("columns", selection.columns)):
        known = getattr(study, kind)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{kind} must be among {', '.join(known)}, got {', '.join(unknown)} ({study.path})")
    for row in selection.rows:
        study.method(row)
