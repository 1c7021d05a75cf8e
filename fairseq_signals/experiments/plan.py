"""From a study to trainings: each cell of a table is one fine-tuning per seed, and cells share what they can.

The same cell in two tables (12 leads in tables 1, 2 and 3) is one training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairseq_signals.experiments.job import Job, baseline, training
from fairseq_signals.experiments.study import Study


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

    def wants(self, table: str, row: str, task: str, column: str) -> bool:
        """Whether a cell at this place is among them, with whichever seeds."""
        pairs = [(self.tables, table), (self.rows, row), (self.tasks, task), (self.columns, column)]
        return all(not wanted or value in wanted for wanted, value in pairs)


def select_cells(study: Study, selection: Selection) -> list[Cell]:
    """The selected cells of a study's tables, in the order of the tables.

    A row that no table has (a method added as a recipe alone) is given every column and task of the selected tables.

    Raises:
        ValueError: a selected name that the study does not have, or nothing selected.
    """
    _check(study, selection)
    seeds = selection.seeds or study.seeds
    extra = [row for row in selection.rows if not any(row in table.rows for table in study.tables.values())]
    cells = []
    for table in study.tables.values():
        for row in (*table.rows, *extra):
            for task in table.tasks:
                for column in table.columns:
                    if selection.wants(table.name, row, task, column):
                        cells += _cells(study, table.name, row, task, column, seeds)
    if not cells:
        raise ValueError(f"selection must leave at least one cell, got none of {study.path}: {selection}")
    return cells


def jobs_of(cells: Iterable[Cell]) -> list[Job]:
    """Every training behind the cells once, each after the one that it starts from."""
    jobs: dict[str, Job] = {}
    for cell in cells:
        for job in cell.job.line:
            jobs.setdefault(job.name, job)
    return list(jobs.values())


def _cells(study: Study, table: str, row: str, task: str, column: str, seeds: Sequence[int]) -> list[Cell]:
    method, judged = study.method(row), study.tasks[task]
    trained, where = judged.shares or task, study.columns[column]
    trained = study.tasks[method.instead.get(trained, trained)]
    if method.descriptor:
        # A second score is one of a model's outputs, and a descriptor has none; whitening is for telling people apart.
        if judged.shares or (method.whiten and trained.task != "ecg_identification"):
            return []
        return [Cell(table, row, task, column, seeds[0], baseline(study, method, trained, where))]
    make = [(seed, training(study, method, trained, where, seed)) for seed in seeds]
    return [Cell(table, row, task, column, seed, job) for seed, job in make]


def _check(study: Study, selection: Selection):
    for kind, names in (("tables", selection.tables), ("tasks", selection.tasks), ("columns", selection.columns)):
        known = getattr(study, kind)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{kind} must be among {', '.join(known)}, got {', '.join(unknown)} ({study.path})")
    for row in selection.rows:
        study.method(row)
