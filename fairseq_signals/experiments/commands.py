"""The commands behind a training: fairseq's own, as one would type them."""

import sys
from pathlib import Path
from typing import Any

import fairseq_signals
from fairseq_signals.experiments.composition import quoted
from fairseq_signals.experiments.defaults import setting
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.state import State

PACKAGE = Path(fairseq_signals.__file__).parent


def train_command(job: Job, dest: Path, config: dict[str, Any]) -> list[str]:
    """`fairseq-hydra-train` with the job's recipe, into its folder.

    Args:
        job: with a recipe.
        dest: folder of the study's trainings.
        config: the composed recipe. Where it says nothing of the world size it is one: fairseq would take every GPU
            that it sees, and with them another batch.
    """
    folder = State(job, dest).folder
    world = setting(config, "distributed_training", "distributed_world_size")
    # Behind the job's settings: the last word is the study's.
    own = [f"common.user_dir={quoted(PACKAGE)}", f"task.data={quoted(job.data)}"]
    own += [f"checkpoint.save_dir={quoted(folder)}", f"hydra.run.dir={quoted(folder / 'hydra')}"]
    own += [f"distributed_training.distributed_world_size={world}"]
    if job.parent:
        own.append(f"model.pretrained={quoted(State(job.parent, dest).checkpoint)}")
    recipe = ["--config-dir", str(job.recipe.parent), "--config-name", job.recipe.stem]
    return [_installed("fairseq-hydra-train"), *recipe, *job.settings, *own]


def validate_command(job: Job, dest: Path, config: dict[str, Any]) -> list[str]:
    """`fairseq-validate` on what the task scores; the scores go into the job's folder.

    Args:
        job: with a task.
        dest: folder of the study's trainings.
        config: the composed recipe, which knows the batch and whether there is a GPU.
    """
    state = State(job, dest)
    command = [_installed("fairseq-validate"), job.data, "--user-dir", str(PACKAGE)]
    command += ["--cpu"] if config.get("common", {}).get("cpu") else []
    command += ["--task", job.task.task, "--path", str(state.checkpoint), "--valid-subset", ",".join(job.subsets)]
    batch = config.get("dataset", {}).get("batch_size") or 64
    workers = config.get("dataset", {}).get("num_workers", 1)
    command += ["--batch-size", str(batch), "--num-workers", str(workers), "--results-path", str(state.folder)]
    return command


def _installed(name: str) -> str:
    return str(Path(sys.executable).parent / name)
