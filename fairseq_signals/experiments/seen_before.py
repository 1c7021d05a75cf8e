"""What a model has seen: the manifests of its training, and which recordings of a cohort stand in them.

Recordings and patients are known by their names within their source, and waveforms by their digests, see
`held_out_rows`: patient 17 of two hospitals is two people, and a copy of a recording is found under any name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fairseq_signals.experiments.held_out_rows import Rows, common_rows
from fairseq_signals.modules.checkpoint import read_checkpoint

_MOST_STEPS = 10  # fine-tuned, from a fine-tuned, from a pre-trained


@dataclass(frozen=True)
class Seen:
    """A manifest that a model was trained with.

    Attributes:
        step: `training`, `pre-training` (of the checkpoint it started from), or `validation` (which chose the weights).
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
    step, path = "training", Path(checkpoint)
    for _ in range(_MOST_STEPS):
        cfg = read_checkpoint(path)["cfg"]
        if "data" not in cfg["task"]:
            return found  # weights from elsewhere that have seen no ECG (scripts/vit_from_imagenet.py)
        data, sets = Path(cfg["task"]["data"]), cfg.get("dataset") or {}
        found.append(Seen(step, data / f"{sets.get('train_subset', 'train')}.tsv"))
        if step == "training":
            names = str(sets.get("valid_subset", "valid")).split(",")
            found += [Seen("validation", data / f"{name}.tsv") for name in names]
        earlier = cfg["model"].get("pretrained") or "random"
        if earlier == "random" or not Path(earlier).is_file():
            return found if earlier == "random" else [*found, Seen("pre-training", Path(earlier))]
        step, path = "pre-training", Path(earlier)
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
    remarks, rows = [], Rows(Path(cohort))
    for seen in seen_manifests:
        try:
            shared = in_common(rows, seen)
        except ValueError as error:
            remarks.append(f"NOT CHECKED against its {seen.step}: {error}")
            continue
        if shared and seen.step == "training" and not allowed:
            raise ValueError(
                f"cohort must be of people whom the model was not trained on, got one of which {shared} ({cohort}, "
                f"{seen.path}); --allow-seen marks it instead. If two hospitals bear one source name by accident, "
                f"prepare one of them under another"
            )
        remarks += [f"NOT INDEPENDENT: {shared}"] if shared else []
    return remarks
