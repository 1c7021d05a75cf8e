"""Trainings of a study: what each is called, starts from, is set to, and is judged by.

A training is known by its name alone, which is its folder below the study's: `pretraining/w2v/12/seed1`,
`diagnosis/w2v/P-6/seed1`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Optional

from fairseq_signals.experiments.study import Column, Method, Study, Task

PRETRAINING, FINETUNING = "pretraining", "finetuning"
"""The stages: what the settings of a study are of."""

SWEEP = "sweep"
"""The folder of trainings among which one is chosen."""

_SEED = "common.seed"
_OWN = ("task.data", "checkpoint.save_dir", _SEED, "common.user_dir", "hydra.run.dir")


@dataclass(frozen=True)
class Job:
    """One training with its scores, the scores of the best of several, or those of a baseline that learns nothing.

    Attributes:
        name: its folder below the study's.
        data: folder of manifests.
        recipe: yaml file of the training; for a baseline, of the one whose leads, windows and threshold it takes.
        settings: what differs from the recipe.
        parent: the pre-training whose encoder it starts from, or the first step of a fine-tuning in two.
        task: what it is trained for, and scored on unless `scored` is False; None for a pre-training.
        choices: trainings of which the one that validates best is scored; this job itself trains nothing then.
        descriptor: of a baseline without learning.
        whiten: manifest that it is whitened on.
    """

    name: str
    data: str
    recipe: Optional[Path] = None
    settings: tuple[str, ...] = ()
    parent: Optional["Job"] = None
    task: Optional[Task] = None
    scored: bool = True
    choices: "tuple[Job, ...]" = ()
    descriptor: Optional[str] = None
    whiten: Optional[str] = None

    @property
    def unseeded(self) -> tuple[str, ...]:
        """The settings without the seed, equal for trainings that differ in nothing else."""
        return tuple(text for text in self.settings if not text.startswith(f"{_SEED}="))

    @property
    def before(self) -> "tuple[Job, ...]":
        """What must be done before it: the trainings to choose from, or the one that it starts from."""
        return self.choices or ((self.parent,) if self.parent else ())

    @property
    def line(self) -> "tuple[Job, ...]":
        """The trainings that it comes from, each once and the first one first, and itself."""
        return (*{one.name: one for job in self.before for one in job.line}.values(), self)

    @property
    def depth(self) -> int:
        """How many jobs must be done one after another until it may begin."""
        return max((job.depth + 1 for job in self.before), default=0)

    @property
    def pretraining(self) -> "Optional[Job]":
        """The pre-training among those that it comes from."""
        first = self.line[0]
        return first if first.name.startswith(f"{PRETRAINING}/") else None

    @property
    def subsets(self) -> tuple[str, ...]:
        """What it is scored on."""
        return tuple(dict.fromkeys((self.task.subset, *self.task.also))) if self.task and self.scored else ()


def baseline(study: Study, method: Method, task: Task, column: Column) -> Job:
    """The scores of a descriptor; it has no seed: nothing is drawn but the sessions to whiten on, always alike."""
    name = f"{task.name}/{method.name}/{column.name}"
    settings = _finetuning(study, method, task, column)
    data, recipe = _data(study, task.data or task.name), _recipe(study, task.recipe)
    return Job(name, data, recipe, settings, None, task, descriptor=method.descriptor, whiten=method.whiten)


def training(study: Study, method: Method, task: Task, column: Column, seed: int) -> Job:
    """A fine-tuning, with what it starts from: its first step, or the pre-training where the method has one.

    Where the task sweeps over settings, it is the choice among the fine-tunings with each combination of them.

    Raises:
        ValueError: a setting is the study's own business, or the study names no data for the task.
    """
    name = f"{task.name}/{method.name}/{column.name}/seed{seed}"
    settings = _finetuning(study, method, task, column)
    parent = _start(study, method, task, column, seed)
    _refuse_own(name, (*settings, *task.sweep), ("model.pretrained",) if parent else ())
    settings = (*settings, f"{_SEED}={seed}")
    job = Job(name, _data(study, task.data or task.name), _recipe(study, task.recipe), settings, parent, task)
    return replace(job, choices=_choices(job, task.sweep)) if task.sweep else job


def _choices(job: Job, sweep: Mapping[str, tuple[str, ...]]) -> tuple[Job, ...]:
    """A training for each combination of the values, in the order given."""
    made = []
    for values in product(*sweep.values()):
        texts = [f"{key}={value}" for key, value in zip(sweep, values, strict=True)]
        name = f"{SWEEP}/{job.name}/{','.join(map(_short, texts))}"
        made.append(replace(job, name=name, settings=(*job.settings, *texts), scored=False))
    return tuple(made)


def _short(text: str) -> str:
    """A setting as a folder may be called: `lr=0.001` of `optimization.lr=[0.001]`."""
    key, _, value = text.partition("=")
    return f"{key.rpartition('.')[2]}={re.sub(r'[^A-Za-z0-9_.+-]+', '_', value).strip('_')}"


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
    own = (*method.pretraining, *source.pretraining)
    settings = (*study.settings.get(PRETRAINING, ()), *_typed(study, PRETRAINING, name, own), *own)
    _refuse_own(name, settings)
    settings = (*settings, f"{_SEED}={seed}")
    return Job(name, _data(study, method.data or PRETRAINING), _recipe(study, method.recipe), settings)


def _finetuning(study: Study, method: Method, task: Task, column: Column) -> tuple[str, ...]:
    own = (*method.finetuning, *column.finetuning)
    typed = _typed(study, FINETUNING, f"{task.name}/{method.name}/{column.name}", (*own, *task.sweep))
    return (*study.settings.get(FINETUNING, ()), *task.settings, *typed, *own)


def _typed(study: Study, stage: str, name: str, own: Iterable[str]) -> tuple[str, ...]:
    """The command line's settings of a stage; one that tells this training from others must be changed in the study."""
    keys = {_key(text) for text in own}
    for text in study.typed.get(stage, ()):
        if _key(text) in keys:
            raise ValueError(
                f"--{stage} must leave {_key(text)} to the study, where it tells {name} from other trainings, got "
                f"{text!r}; write a study that extends {study.path} to change it"
            )
    return study.typed.get(stage, ())


def _key(text: str) -> str:
    return text.partition("=")[0].strip("+~ ")


def _recipe(study: Study, name: str) -> Path:
    return study.recipes / f"{name}.yaml"


def _data(study: Study, stage: str) -> str:
    if stage not in study.data:
        raise ValueError(f"data must name a folder for {stage}, got {', '.join(study.data) or 'none'} ({study.path})")
    return study.data[stage]


def _refuse_own(name: str, settings: Iterable[str], more: tuple[str, ...] = ()):
    # One of these in a setting would train elsewhere, on other data or from another encoder than the folder says.
    for text in settings:
        if _key(text) in (*_OWN, *more):
            raise ValueError(
                f"settings of {name} must leave {', '.join((*_OWN, *more))} to the study (its data, methods, seeds and "
                f"--dest), got {text!r}"
            )
