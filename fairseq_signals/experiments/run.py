"""One training, from nothing or from where it was stopped, to its scores; what is done is not done again."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import torch

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.evaluation.no_learning import diagnose, identify
from fairseq_signals.experiments.choice import choose
from fairseq_signals.experiments.commands import train_command, validate_command
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.defaults import setting
from fairseq_signals.experiments.fingerprint import descriptor_settings
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.lock import JobFailed, held
from fairseq_signals.experiments.processes import Processes
from fairseq_signals.experiments.state import State


@dataclass(frozen=True)
class Place:
    """Where and how jobs run.

    Attributes:
        dest: folder of the study's trainings.
        overwrite: discard a training that was begun with other settings, instead of refusing.
        threads: of each process on the processor; None leaves it to PyTorch.
        processes: the commands under way, to end them with this process.
    """

    dest: Path
    overwrite: bool = False
    threads: int | None = None
    processes: Processes = field(default_factory=Processes)


def run_job(job: Job, place: Place, gpus: tuple[str, ...] = ()) -> bool:
    """Trains and scores what is not yet; False where nothing was left to do.

    Args:
        job: for which everything before it is done.
        place: where and how.
        gpus: the devices that it may see; empty leaves them as they are.

    Raises:
        JobFailed: a command failed, or another process runs this job.
        ValueError: what stands in its folder was made with other settings.
    """
    state = State(job, place.dest)
    if state.done and not state.changed():
        return False
    with held(state.folder, job.name) as lock:  # before anything is looked at that another process may be changing
        state.begin(place.overwrite)
        if state.done:
            return False
        _finish(job, state, place, gpus, lock)
    return True


def _finish(job: Job, state: State, place: Place, gpus: tuple[str, ...], lock: IO):
    config = compose_recipe(job.recipe, job.settings)
    if job.descriptor:
        _score_without_learning(job, config, state.folder)
        return
    environment = _environment(place, gpus)
    if not state.trained and job.choices:
        state.finish_training(choose(job, place.dest, config))
    elif not state.trained:
        _train(job, state, place, config, environment, lock)
    if job.subsets:
        if not state.checkpoint.is_file():
            raise JobFailed(
                f"checkpoint of {job.name} must be a file, as its training ended, got none at {state.checkpoint}; "
                f"without {state.folder / 'trained.json'} it goes on from the last checkpoint, or anew"
            )
        words = validate_command(job, place.dest, config)
        place.processes.run(words, state.folder / "validate.log", environment, lock)
        missing = [str(state.metrics(subset)) for subset in job.subsets if not state.metrics(subset).is_file()]
        if missing:
            raise JobFailed(
                f"validation must write {', '.join(missing)}, got none; see {state.folder / 'validate.log'}"
            )


def _train(job: Job, state: State, place: Place, config: dict[str, Any], environment: dict[str, str], lock: IO):
    began = time.time()
    if not _at_its_end(state, config):
        words = train_command(job, place.dest, config)
        with _pretrained(job, place):
            place.processes.run(words, state.folder / "train.log", environment, lock)
    took = {"seconds": round(time.time() - began), "ended": time.strftime("%Y-%m-%d %H:%M:%S")}
    state.finish_training({**took, "torch": version("torch")})


@contextmanager
def _pretrained(job: Job, place: Place) -> Iterator[None]:
    """Within it, the pre-training stands as the job wants it, and nobody changes it."""
    if job.parent is None:
        yield
        return
    parent = State(job.parent, place.dest)
    with held(parent.folder, job.parent.name, shared=True):
        parent.check()
        if not (parent.trained and parent.checkpoint.is_file()):
            raise JobFailed(f"{job.parent.name} must be trained, with a file {parent.checkpoint}, got none")
        yield


def _at_its_end(state: State, config: dict[str, Any]) -> bool:
    # Killed behind its last update, fairseq would go on with one update more.
    end = setting(config, "optimization", "max_update")
    if not end or not state.last.is_file() or not state.checkpoint.is_file():
        return False
    history = torch.load(state.last, map_location="cpu", weights_only=True, mmap=True).get("optimizer_history")
    return bool(history) and history[-1]["num_updates"] >= end


def _score_without_learning(job: Job, config: dict[str, Any], folder: Path):
    settings = descriptor_settings(config)
    leads = parse_leads(settings.pop("leads"))
    score = {"ecg_identification": identify, "ecg_classification": diagnose}[job.task.task]
    settings |= {"whiten": job.whiten} if job.whiten else {}
    for subset in job.subsets:
        score(Path(job.data), job.descriptor, leads, folder, subset, progress=False, **settings)


def _environment(place: Place, gpus: tuple[str, ...]) -> dict[str, str]:
    extra = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
    if place.threads:
        extra["OMP_NUM_THREADS"] = str(place.threads)
    return {**os.environ, **extra}
