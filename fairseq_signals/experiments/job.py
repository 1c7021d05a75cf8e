"""Trainings of a study: what each is called, starts from, is set to, and is judged by.

A training is known by its name alone, which is its folder below the study's: `pretraining/w2v/12/seed1`,
`diagnosis/w2v/P-6/seed1`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from fairseq_signals.experiments.study import Column, Method, Study, Task

PRETRAINING, FINETUNING = "pretraining", "finetuning"
"""The stages: what the settings of a study are of."""

_SEED = "common.seed"
_OWN = ("task.data", "checkpoint.save_dir", _SEED, "common.user_dir", "hydra.run.dir")


@dataclass(frozen=True)
class Job:
    """One training with its scores, or the scores of a baseline that learns nothing.

    Attributes:
        name: its folder below the study's.
        data: folder of manifests.
        recipe: yaml file of the training; for a baseline, of the one whose leads, windows and threshold it takes.
        settings: what differs from the recipe.
        parent: the pre-training whose encoder it starts from, or the first step of a fine-tuning in two.
        task: what is scored after it; None scores nothing.
        descriptor: of a baseline without learning.
        whiten: manifest that it is whitened on.
    """

    name: str
    data: str
    recipe: Optional[Path] = None
    settings: tuple[str, ...] = ()
    parent: Optional["Job"] = None
    task: Optional[Task] = None
    descriptor: Optional[str] = None
    whiten: Optional[str] = None

    @property
    def unseeded(self) -> tuple[str, ...]:
        """The settings without the seed, equal for trainings that differ in nothing else."""
        return tuple(text for text in self.settings if not text.startswith(f"{_SEED}="))

    @property
    def line(self) -> "tuple[Job, ...]":
        """The trainings that it comes from, the first one first, and itself."""
        return (*(self.parent.line if self.parent else ()), self)

    @property
    def metrics(self) -> str:
        """Name of the file of scores in its folder."""
        return f"metrics_{self.task.subset}.json"


def baseline(study: Study, method: Method, task: Task, column: Column) -> Job:
    """The scores of a descriptor; it has no seed: nothing is drawn but the sessions to whiten on, always alike."""
    name = f"{task.name}/{method.name}/{column.name}"
    settings = _finetuning(study, method, task, column)
    data, recipe = _data(study, task.data or task.name), _recipe(study, task.recipe)
    return Job(name, data, recipe, settings, None, task, method.descriptor, method.whiten)


def training(study: Study, method: Method, task: Task, column: Column, seed: int) -> Job:
    """A fine-tuning, with what it starts from: its first step, or the pre-training where the method has one.

    Raises:
        ValueError: a setting is the study's own business, or the study names no data for the task.
    """
    name = f"{task.name}/{method.name}/{column.name}/seed{seed}"
    settings = _finetuning(study, method, task, column)
    parent = _start(study, method, task, column, seed)
    _refuse_own(name, settings, ("model.pretrained",) if parent else ())
    settings = (*settings, f"{_SEED}={seed}")
    return Job(name, _data(study, task.data or task.name), _recipe(study, task.recipe), settings, parent, task)


def _start(study: Study, method: Method, task: Task, column: Column, seed: int) -> Optional[Job]:
    if task.follows:
        return training(study, method, study.tasks[task.follows], column, seed)
    if not method.recipe:
        return None
    shared = study.pretraining_seed
    return pretraining(study, method, column, seed if shared is None else shared)


def pretraining(study: Study, method: Method, column: Column, seed: int) -> Job:
    """The pre-training behind a column."""
    source = study.columns[column.pretrained_on or column.name]
    name = f"{PRETRAINING}/{method.name}/{source.name}/seed{seed}"
    settings = (*study.settings.get(PRETRAINING, ()), *method.pretraining, *source.pretraining)
    _refuse_own(name, settings)
    settings = (*settings, f"{_SEED}={seed}")
    return Job(name, _data(study, method.data or PRETRAINING), _recipe(study, method.recipe), settings)


def _finetuning(study: Study, method: Method, task: Task, column: Column) -> tuple[str, ...]:
    return (*study.settings.get(FINETUNING, ()), *task.settings, *method.finetuning, *column.finetuning)


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
