"""What a paper's tables consist of: methods in rows, lead sets in columns, tasks, seeds."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

NAME = r"[\w+-][\w.+-]*"
"""What a method, task, column or table may be called: its name is a folder, a file and a word of a command."""


@dataclass(frozen=True)
class Method:
    """A row: how an encoder comes about.

    Attributes:
        name: of the row, and of the recipe unless `recipe` says otherwise.
        label: as the table prints it.
        recipe: of the pre-training; None where there is none.
        descriptor: of a baseline without learning (see `evaluation.ecg_descriptors`), instead of an encoder.
        whiten: manifest of training recordings that the descriptor is whitened on, for identification alone.
        data: the study's name for what it is pre-trained on, where not on `pretraining`.
        instead: task by the task whose trainings this method takes for it, such as one in two steps.
        pretraining, finetuning: settings of this method alone.
    """

    name: str
    label: str = ""
    recipe: Optional[str] = None
    descriptor: Optional[str] = None
    whiten: Optional[str] = None
    data: Optional[str] = None
    instead: dict[str, str] = field(default_factory=dict)
    pretraining: tuple[str, ...] = ()
    finetuning: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What an encoder is judged by.

    Attributes:
        name: of the task in the study.
        label: as the table prints it.
        recipe: of its fine-tuning.
        task: its registered name.
        subset: what is scored.
        metric: the score that the table shows, by its name in the metrics file.
        settings: of its fine-tuning.
        sweep: values by setting; each combination is a training, and the one that validates best is scored.
        shares: the task whose trainings it takes, where it is only another score of the same, or one of another subset.
        also: further subsets that its trainings are scored on, for tasks that share them.
        follows: the task whose best checkpoint it starts from, where a fine-tuning has two steps.
        data: the study's name for its data, where that is not the task's own name.
    """

    name: str
    label: str
    recipe: str
    task: str
    subset: str
    metric: str
    settings: tuple[str, ...] = ()
    sweep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shares: Optional[str] = None
    also: tuple[str, ...] = ()
    follows: Optional[str] = None
    data: Optional[str] = None


@dataclass(frozen=True)
class Column:
    """A column: on what the encoder is pre-trained and fine-tuned.

    Attributes:
        name: of the column.
        label: as the table prints it.
        pretrained_on: the column whose pre-training is taken; None is its own.
        pretraining, finetuning: settings.
    """

    name: str
    label: str = ""
    pretrained_on: Optional[str] = None
    pretraining: tuple[str, ...] = ()
    finetuning: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A table: which rows and columns it has.

    Attributes:
        name, title: of the table.
        rows, columns, tasks: names in the order of the table.
        spread: what stands behind ±: `interval` (95 % confidence of the mean) or `deviation` (standard, of the runs).
        improvements: row by the row that it is compared with, where bold marks an improvement; empty: bold is the best.
        headings: line above a row, where it opens a group.
        notes: lines below the table.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    tasks: tuple[str, ...]
    spread: str = "interval"
    improvements: dict[str, str] = field(default_factory=dict)
    headings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """All of it; `study_file` reads it from a yaml.

    Attributes:
        settings: of every training of a stage, as the file has them.
        typed: the same as the command line has them, which no method, column or sweep may set otherwise.
        pretraining_seed: of the one pre-training that all seeds of a fine-tuning start from; None: each has its own.
        seconds: of ECG in an epoch by stage, as published: for estimates where the data is not prepared yet.
        published: file of the paper's values.
    """

    path: Path
    recipes: Path
    seeds: tuple[int, ...]
    data: dict[str, str]
    settings: dict[str, tuple[str, ...]]
    methods: dict[str, Method]
    tasks: dict[str, Task]
    columns: dict[str, Column]
    tables: dict[str, Layout]
    typed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pretraining_seed: Optional[int] = None
    seconds: dict[str, float] = field(default_factory=dict)
    published: Optional[Path] = None

    def method(self, name: str) -> Method:
        """The method of a row; one that the study does not name is the recipe of that name.

        Raises:
            ValueError: neither the study nor the recipes know it.
        """
        if name in self.methods:
            return self.methods[name]
        if re.fullmatch(NAME, name) and (self.recipes / f"{name}.yaml").is_file():
            return Method(name, name, name)
        known = ", ".join(sorted({*self.methods, *(path.stem for path in self.recipes.glob("*.yaml"))}))
        raise ValueError(f"method must be one of {known}, got {name!r} ({self.path})")
