"""Trainings through one of Hydra's launchers: SLURM by submitit, or whatever launcher is installed.

The jobs go out in waves, because Hydra's launchers know no order: pre-trainings, and what starts from them once all
have ended. Each job runs `experiments.hydra_job`, which does what `experiments.run` does here, so that what is done is
not done again there either. What came of them is read from their folders: a node that died tells nobody.
"""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fairseq_signals.experiments.composition import quoted
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.run import Place
from fairseq_signals.experiments.state import State


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that start from nothing, then those that start from them, and so on."""
    by_steps: dict[int, list[Job]] = {}
    for job in jobs:
        by_steps.setdefault(job.depth, []).append(job)
    return [by_steps[steps] for steps in sorted(by_steps)]


def launch(jobs: Sequence[Job], place: Place, arguments: Sequence[str], launcher: str, options: Sequence[str]) -> int:
    """Sends out what is not done and waits for it; 1 where something is not done then.

    Args:
        jobs: with what must be done before them; what follows a training that failed is not sent.
        place: where and how they run.
        arguments: of the command line that selected them, from which a node finds them again by name.
        launcher: name of the installed launcher, such as `submitit_slurm`.
        options: of the launcher, such as `hydra.launcher.partition=gpu`.

    Raises:
        ValueError: the launcher is not installed; what stands in a folder was made with other settings, and may not
            be discarded.
    """
    _refuse_missing(launcher)
    left = [job for job in jobs if not _finished(job, place)]
    for wave in waves(left):
        ready = [job for job in wave if all(_finished(other, place) for other in job.before)]
        if ready:
            subprocess.run(multirun(ready, place, arguments, launcher, options))
    failed = [job.name for job in left if not _finished(job, place)]
    print(f"{len(left) - len(failed)} trained or scored, {len(jobs) - len(left)} done before, {len(failed)} failed")
    for name in failed:
        print(f"  {name}: see {place.dest / name} and {place.dest / 'launches'}")
    return 1 if failed else 0


def multirun(
    jobs: Sequence[Job], place: Place, arguments: Sequence[str], launcher: str, options: Sequence[str]
) -> list[str]:
    """The command that sends jobs through a launcher, for the arguments of `launch`."""
    module = [sys.executable, "-m", "fairseq_signals.experiments.hydra_job", "--multirun"]
    sweep = [f"hydra/launcher={launcher}", f"hydra.sweep.dir={quoted(Path(place.dest).resolve() / 'launches')}"]
    sweep += ["hydra.job.chdir=false"]  # relative paths are meant from where the command was typed
    given = f"arguments=[{','.join(map(quoted, arguments))}]"
    return [*module, *sweep, *options, given, f"job={','.join(quoted(job.name) for job in jobs)}"]


def _refuse_missing(launcher: str):
    if not launcher.startswith("submitit_"):
        return
    try:
        found = find_spec("hydra_plugins.hydra_submitit_launcher")
    except ModuleNotFoundError:  # no plug-in of Hydra's at all
        found = None
    if found is None:
        raise ValueError(f"launcher must be installed, got none for {launcher}: pip install 'fairseq-signals[slurm]'")


def _finished(job: Job, place: Place) -> bool:
    state = State(job, place.dest)
    if place.overwrite:
        return state.done and not state.changed()
    state.check()
    return state.done
