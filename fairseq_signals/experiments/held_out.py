"""The guard of a study: nothing that its tasks are scored on, or that stands in a list `valid`, is pre-trained on.

Source: Oh et al. 2022, section 5.1: the validation and test sets, and the patients of the pairs, are excluded from the
pre-training set. A preparation sees to that within its own folder; a study may join folders of several, prepared at
other times, with other options, or from other sources that hold the same recordings or patients.

Who is who is told by `held_out_rows`. People who are one only by way of a third recording are not looked for; combining
the folders finds them.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from fairseq_signals.data.combination.prepared import same_people_known
from fairseq_signals.data.destination import LISTS, PAIRS
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.defaults import setting
from fairseq_signals.experiments.held_out_rows import Rows, common_rows, people_known
from fairseq_signals.experiments.job import Job

PRETRAIN = "pretrain"
HELD_OUT = tuple(name for name in LISTS if name not in ("train", PRETRAIN))


def check_jobs(jobs: Iterable[Job]) -> None:
    """Refuses jobs whose pre-training saw what they are scored on.

    Raises:
        ValueError, FileNotFoundError: as `check_held_out` does.
    """
    tasks: dict[tuple[str, str, str], dict[str, Job]] = {}
    for job in jobs:
        first = job.pretraining
        if first is not None and job.task is not None:
            subset = _pretrained_on(first.recipe, first.unseeded)
            for scored in job.subsets:
                tasks.setdefault((first.data, subset, scored), {})[job.task.name] = job
    for (data, subset, scored), of_task in tasks.items():
        folders = {name: Path(job.data) for name, job in of_task.items()}
        check_held_out(Path(data), folders, dict.fromkeys(of_task, scored), subset)


@cache
def _pretrained_on(recipe: Path, settings: tuple[str, ...]) -> str:
    return setting(compose_recipe(recipe, settings), "dataset", "train_subset")


def check_held_out(
    pretraining: Path,
    others: Mapping[str, Path],
    scored: Mapping[str, str] | None = None,
    subset: str = PRETRAIN,
) -> None:
    """Makes sure that a pre-training shares no recording, waveform or patient with what tasks are scored on.

    Args:
        pretraining: prepared folder of the pre-training.
        others: prepared folder by task.
        scored: subset that a task is scored on: with `test`, its `valid` and `test` must be unseen; with `probe`, its
            `valid` and all galleries and probes. A task that is not named must have seen none of `HELD_OUT`.
        subset: what is pre-trained on.

    Raises:
        ValueError: something is shared, or whether it is cannot be told: a manifest has no column `waveform`, names no
            source, or knows no patients where the other does.
        FileNotFoundError: a manifest that is needed is not there.
    """
    seen = Rows(pretraining / f"{subset}.tsv")
    told, files = [], []
    for task, folder in others.items():
        unseen = _unseen(task, folder, (scored or {}).get(task))
        if folder.resolve() != pretraining.resolve():
            same_people_known({str(one): people_known(one) for one in (pretraining, folder)})
        for path in unseen:
            shared = common_rows(seen, Rows(path))
            if shared.rows:
                those = f"{len(shared.rows):,} recordings ({shared.how}), such as {shared.first}"
                told.append(f"in common with {path} of {task}: {those}")
                files.append(str(path))
    if told:
        better = subset != PRETRAIN and (pretraining / f"{PRETRAIN}.tsv").is_file()
        elsewhere = f"pre-train on {PRETRAIN}.tsv, " if better else ""
        raise ValueError(
            f"recordings that are pre-trained on must be in no list that a task is scored or validated on, got "
            f"{'; '.join(told)} ({seen.path}); {elsewhere}prepare the folders from the same files with the same seed, "
            f"shares and classes, or take them out with: python scripts/combine.py --source {pretraining}:pairs=yes "
            f"--exclude {' '.join(dict.fromkeys(files))} --dest …"
        )


def _unseen(task: str, folder: Path, scored: str | None) -> list[Path]:
    """The manifests of a task that must not have been seen."""
    if scored is None:
        names = HELD_OUT
    else:
        names = ("valid", *PAIRS) if scored in PAIRS else tuple(dict.fromkeys(("valid", scored)))
    paths = [folder / f"{name}.tsv" for name in names]
    found = [path for path in paths if path.is_file()]
    if (scored and folder / f"{scored}.tsv" not in found) or not found:
        raise FileNotFoundError(f"data of {task} must have a manifest {scored or 'test'}.tsv, got none in {folder}")
    return found
