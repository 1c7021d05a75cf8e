"""What a study's table shows, in which order: methods below each other, lead sets side by side.

Conventions:
    Rows, columns and tasks have a name, by which runs and published values call them, and a label for readers. A
    place is one row, task and column. NaN means that a number cannot be had.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

HIGHLIGHTS = ("best", "improvement")
SPREADS = ("interval", "deviation")

Place = tuple[str, str, str]
"""Names of a row, a task and a column."""


@dataclass(frozen=True)
class TableRow:
    """A method of a table.

    Attributes:
        name: as runs and published values call it.
        label: as readers see it.
        heading: a line above it, where it opens a group of rows.
        baseline: name of the row that it shall improve, for `highlight="improvement"`.
        seeds: runs wanted in each of its cells, where they are not as many as the table's: 1 for a method without
            chance.
    """

    name: str
    label: str
    heading: str = ""
    baseline: str = ""
    seeds: int | None = None


@dataclass(frozen=True)
class TableTask:
    """A line in every row of a table: what is measured (`metric`) on which task, and its label (`Dx.`)."""

    name: str
    label: str
    metric: str


@dataclass(frozen=True)
class TableLayout:
    """What a table shows, in which order.

    Attributes:
        name: as runs and published values call it: `table1`.
        title: the line or lines above it.
        rows: its methods.
        columns: label by name.
        tasks: the lines of a row.
        highlight: what is bold, `best` (of a column and task) or `improvement` (over a row's baseline).
        spread: what stands behind ±: `interval`, half of the mean's 95 % confidence interval, or `deviation`, the
            standard deviation of the runs.
        seeds: runs wanted in a cell.
        notes: lines below it, before those that explain its signs: the data, the size of the model.
    """

    name: str
    title: str
    rows: tuple[TableRow, ...]
    columns: Mapping[str, str]
    tasks: tuple[TableTask, ...]
    highlight: str = "best"
    spread: str = "interval"
    seeds: int = 3
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        if self.highlight not in HIGHLIGHTS:
            raise ValueError(f"highlight must be {' or '.join(HIGHLIGHTS)}, got {self.highlight!r} ({self.name})")
        if self.spread not in SPREADS:
            raise ValueError(f"spread must be {' or '.join(SPREADS)}, got {self.spread!r} ({self.name})")
        rows, tasks = [row.name for row in self.rows], [task.name for task in self.tasks]
        for what, names in (("rows", rows), ("columns", list(self.columns)), ("tasks", tasks)):
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{what} must be at least one and differ in name, got {names} ({self.name})")
        for row in self.rows:
            if row.baseline and (row.baseline not in rows or row.baseline == row.name):
                raise ValueError(f"baseline of {row.name} must be another row, got {row.baseline} ({self.name})")
            if self.wanted(row) < 1:
                raise ValueError(f"seeds must be at least 1, got {self.wanted(row)} ({self.name}, {row.name})")

    @property
    def metrics(self) -> dict[str, str]:
        """The metric by task."""
        return {task.name: task.metric for task in self.tasks}

    def wanted(self, row: TableRow) -> int:
        """How many runs a cell of the row shall have."""
        return self.seeds if row.seeds is None else row.seeds

    def places(self) -> list[Place]:
        """All cells, row by row, task by task."""
        return [(row.name, task.name, column) for row in self.rows for task in self.tasks for column in self.columns]


@dataclass(frozen=True)
class Cell:
    """What n runs say together, and the paper.

    Attributes:
        n: number of runs.
        mean: of their scores.
        half_width: of the 95 % confidence interval of the mean, or the runs' standard deviation, as the layout's
            `spread` says; NaN below two runs.
        bold: it is what the table highlights.
        published: the paper's value in the same metric, or NaN.
        published_spread: what the paper puts after ±, or NaN.
    """

    n: int = 0
    mean: float = math.nan
    half_width: float = math.nan
    bold: bool = False
    published: float = math.nan
    published_spread: float = math.nan


@dataclass(frozen=True)
class Table:
    """A layout with a cell at each of its places.

    Attributes:
        layout: what the table shows.
        cells: by row, task and column, all places of the layout.
        notes: the lines below it, the layout's own first.
    """

    layout: TableLayout
    cells: Mapping[Place, Cell]
    notes: tuple[str, ...]
