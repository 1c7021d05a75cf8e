"""What a model has seen: the manifests of its training, and which recordings of a cohort stand in them.

Recordings and patients are known by their names within their source, and waveforms by their digests, see
`held_out_rows`: patient 17 of two hospitals is two people, and a copy of a recording is found under any name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fairseq_signals.experiments.held_out_rows import Rows, common_rows
from fairseq_signals.modules.checkpoint import read_checkpoint

_LABELLED = frozenset(("ecg_classifier", "ecg_identifier"))  # models that were trained on what people have, or are
_MOST_STEPS = 10  # fine-tuned, from a fine-tuned, from a pre-trained


@dataclass(frozen=True)
class Seen:
    """A manifest that a model was trained with.

    Attributes:
        step: `training` (also of a model with labels that it started from), `pre-training` (without labels), or
            `validation` (which chose the weights).
        path: the manifest, which may no longer be there.
    """

    step: str
    path: Path

    @cached_property
    def rows(self) -> Rows:
        """The manifest's rows, read once for all cohorts."""
        return Rows(self.path)


def seen_by(checkpoint: str | Path) -> list[Seen]:
    """The manifests that a checkpoint tells of, those of the checkpoints that it started from included.

    Raises:
        FileNotFoundError, ValueError: see `modules.checkpoint.read_checkpoint`; an earlier checkpoint that is no longer
            there ends the list.
    """
    found: list[Seen] = []
    path = Path(checkpoint)
    for _ in range(_MOST_STEPS):
        cfg = read_checkpoint(path)["cfg"]
        if "data" not in cfg["task"]:
            return found  # weights from elsewhere that have seen no ECG (scripts/vit_from_imagenet.py)
        data, sets = Path(cfg["task"]["data"]), cfg.get("dataset") or {}
        step = "training" if not found or cfg["model"].get("_name") in _LABELLED else "pre-training"
        found.append(Seen(step, data / f"{sets.get('train_subset', 'train')}.tsv"))
        if step == "training":
            names = str(sets.get("valid_subset", "valid")).split(",")
            found += [Seen("validation", data / f"{name}.tsv") for name in names]
        earlier = cfg["model"].get("pretrained") or "random"
        if earlier == "random" or not Path(earlier).is_file():
            return found if earlier == "random" else [*found, Seen("pre-training", Path(earlier))]
        path = Path(earlier)
    return found


def in_common(cohort: Rows, seen: Seen) -> str:
    """How many recordings of a cohort's manifest stand in one that was seen, by what, and the first; "" for none.

    Raises:
        ValueError: it cannot be told: a manifest is not there, or does not name its source.
    """
    if seen.path.suffix != ".tsv" or not seen.path.is_file():
        raise ValueError(f"{seen.step} must be at hand to be compared, got none at {seen.path}")
    shared = common_rows(cohort, seen.rows, need_digests=False)  # manifests from before have none
    if not shared.rows:
        return ""
    of = f"{len(shared.rows):,} of {len(cohort.ids):,} recordings are of its {seen.step}"
    return f"{of} ({shared.how}), such as {shared.first}"


def remarks_on(cohort: str | Path, seen_manifests: Sequence[Seen], allowed: bool = False) -> list[str]:
    """What is to be said of a cohort that a model is tested on: whom of it the model has seen, or that nobody knows.

    Args:
        cohort: a manifest.
        seen_manifests: by the model, from `seen_by`.
        allowed: whether a cohort that shares people with the training is marked only.

    Raises:
        ValueError: it does, and that is not allowed.
    """
    remarks, rows, compared = [], Rows(Path(cohort)), []
    for seen in seen_manifests:
        try:
            shared = in_common(rows, seen)
        except ValueError as error:
            remarks.append(f"NOT CHECKED against its {seen.step}: {error}")
            continue
        if shared and seen.step == "training" and not allowed:
            raise ValueError(
                f"cohort must be of people whom the model was not trained on, but {shared} ({cohort}, {seen.path}); "
                f"--allow-seen marks it instead. If two hospitals bear one source name by accident, prepare one of "
                f"them under another"
            )
        remarks += [f"NOT INDEPENDENT: {shared}"] if shared else []
        compared.append(seen)
    return remarks + not_by_name(rows, compared)


def not_by_name(cohort: Rows, compared: Sequence[Seen]) -> list[str]:
    """Which people of a cohort could be those of a training all the same, by another name of the source or of theirs.

    Names compare within a source alone, and the source of an export is often called by its folder. So it is told where
    sources differ, and how many patients are called as somebody there: numbers may do so by accident.

    Args:
        cohort: whose people.
        compared: with whom they were compared.
    """
    mine, told = set(cohort.patients), {}
    for seen in compared:
        theirs = set(seen.rows.patients)
        names = {name.casefold() for _, name in theirs}
        alike = {patient for patient in mine - theirs if patient[1].casefold() in names}
        apart = not _sources(mine) <= _sources(theirs)
        if apart or alike:
            steps, people = told.setdefault((apart, _named(theirs)), ([], set()))
            steps.append(seen.step)
            people |= alike
    return [
        _unlike(", ".join(steps), apart and (_named(mine), sources), len(people), len(mine))
        for (apart, sources), (steps, people) in told.items()
    ]


def _sources(people: Iterable[tuple[str, str]]) -> set[str]:
    return {source for source, _ in people}


def _named(people: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted(_sources(people)))


def _unlike(steps: str, apart: "tuple[str, str] | bool", alike: int, patients: int) -> str:
    called = (
        f"{alike} of {patients} patients bear a name that occurs there" if alike else "no name occurs on both sides"
    )
    if not apart:
        return f"compared by name with its {steps}: {called}, but for small and capital letters"
    return f"people not compared by name with its {steps}: sources {apart[0]} here, {apart[1]} there; {called}"
