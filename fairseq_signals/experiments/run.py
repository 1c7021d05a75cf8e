"""One training, from nothing or from where it was stopped, to its scores; what is done is not done again."""

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.evaluation.no_learning import diagnose, identify
from fairseq_signals.experiments.commands import train_command, validate_command
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.plan import Job
from fairseq_signals.experiments.state import State


class JobFailed(RuntimeError):
    """A training or its scoring ended with an error; the message holds the last lines of its output."""


@dataclass(frozen=True)
class Place:
    """Where and how jobs run.

    Attributes:
        dest: folder of the study's trainings.
        overwrite: discard a training that was begun with other settings, instead of refusing.
        threads: of each process on the processor; None leaves it to PyTorch.
    """

    dest: Path
    overwrite: bool = False
    threads: int | None = None


def run_job(job: Job, place: Place, gpus: tuple[str, ...] = ()) -> bool:
    """Trains and scores what is not yet; False where nothing was left to do.

    Args:
        job: whose parent is done.
        place: where and how.
        gpus: the devices that it may see; empty leaves them as they are.

    Raises:
        JobFailed: a command failed, or another process runs this job.
        ValueError: what stands in its folder was made with other settings.
    """
    state = State(job, place.dest)
    state.begin(place.overwrite)
    if state.done:
        return False
    with _alone(state.folder, job.name):
        _finish(job, state, place, gpus)
    return True


def _finish(job: Job, state: State, place: Place, gpus: tuple[str, ...]):
    if job.descriptor:
        _score_without_learning(job, state.folder)
        return
    environment = _environment(place, gpus)
    if not state.trained:
        began = time.time()
        _command(train_command(job, place.dest), state.folder / "train.log", environment)
        took = {"seconds": round(time.time() - began), "ended": time.strftime("%Y-%m-%d %H:%M:%S")}
        took["torch"] = version("torch")
        state.finish_training(took)
    if job.task:
        config = compose_recipe(job.recipe, list(job.settings))
        _command(validate_command(job, place.dest, config), state.folder / "validate.log", environment)


def _score_without_learning(job: Job, folder: Path):
    score = {"ecg_identification": identify, "ecg_classification": diagnose}[job.task.task]
    score(Path(job.data), job.descriptor, parse_leads(job.leads), folder, job.task.subset, progress=False)


def _environment(place: Place, gpus: tuple[str, ...]) -> dict[str, str]:
    extra = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
    if place.threads:
        extra["OMP_NUM_THREADS"] = str(place.threads)
    return {**os.environ, **extra}


def _command(words: list[str], log: Path, environment: dict[str, str]):
    with open(log, "a", encoding="utf-8") as file:  # a training that goes on adds to its log
        file.write(f"$ {' '.join(words)}\n")
        file.flush()
        code = subprocess.run(words, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode
    if code:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
        raise JobFailed(f"{tail}\nerror: {' '.join(words)}\nended with {code}; its whole output is in {log}")


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    # The lock goes with the process that holds it, so a kill leaves none behind.
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JobFailed(f"{name} is being run by another process ({folder / 'lock'})") from error
        yield
