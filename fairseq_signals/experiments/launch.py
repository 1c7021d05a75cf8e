"""Trainings through one of Hydra's launchers: SLURM by submitit, or whatever launcher is installed.

The jobs go out in two waves, because Hydra's launchers know no order: pre-trainings, and what starts from them once all
are done. Each job runs `experiments.hydra_job`, which does what `experiments.run` does here, so that what is done is
not done again there either.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.experiments.plan import Job
from fairseq_signals.experiments.run import Place


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that start from nothing, then those that start from them."""
    first = [job for job in jobs if job.parent is None]
    return [wave for wave in (first, [job for job in jobs if job.parent is not None]) if wave]


def launch(jobs: Sequence[Job], place: Place, arguments: Sequence[str], launcher: str, options: Sequence[str]) -> int:
    """Sends the jobs out and waits for them; gives the exit status of Hydra's last multirun.

    Args:
        jobs: parents and children.
        place: where and how they run.
        arguments: of the command line that selected them, from which a node finds them again by name.
        launcher: name of the installed launcher, such as `submitit_slurm`.
        options: of the launcher, such as `hydra.launcher.partition=gpu`.
    """
    module = [sys.executable, "-m", "fairseq_signals.experiments.hydra_job", "--multirun"]
    sweep = [f"hydra/launcher={launcher}", f"hydra.sweep.dir={Path(place.dest).resolve() / 'launches'}"]
    for wave in waves(jobs):
        names = ",".join(f"'{job.name}'" for job in wave)
        given = f"arguments={json.dumps(list(arguments))}"
        code = subprocess.run([*module, *sweep, *options, given, f"job={names}"]).returncode
        if code:
            return code
    return 0
