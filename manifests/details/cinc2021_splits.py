"""Splits of the PhysioNet/CinC Challenge 2021: the same whatever is trained on, and nothing held out is trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairseq_signals.data.row import Row
from fairseq_signals.data.splits import joined_by_signal, split_patients


@dataclass(frozen=True)
class Drawn:
    """The splits of all rows.

    Attributes:
        splits: of each row; None for one that is in no list.
        moved: how many rows of held-out sub-sources went to train for samples of another split.
        left_out: ids of the rows that are in no list, as training on them would be training on valid or test.
    """

    splits: list[str | None]
    moved: int
    left_out: list[str]


def split_rows(
    rows: Sequence[Row], official: Mapping[str, str], held_out: Sequence[str], shares: Mapping[str, float], seed: int
) -> Drawn:
    """The split of each row, drawn from the held-out sub-sources alone: what else is taken changes nothing in it.

    So `oh2022` and `oh2022-diagnosis` hold out the same recordings. A row that would be trained on, and is of somebody
    in valid or test (a copy under another name, or another recording of that copy's patient), is in no list.

    Args:
        rows: with the sub-source in the column `source` and the samples' digest in `waveform`.
        official: split by recording's id, for those that have one.
        held_out: sub-sources that valid and test recordings come from; the others are trained on.
        shares: fraction of the recordings by name of the split.
        seed: another seed gives another split.
    """
    ours = [place for place, row in enumerate(rows) if row.extra["source"] in held_out]
    drawn, moved = _split_held_out([rows[place] for place in ours], official, held_out, shares, seed)
    splits: list[str | None] = ["train"] * len(rows)
    for place, split in zip(ours, drawn, strict=True):
        splits[place] = split
    people = _people(rows)
    held = {person for person, split in zip(people, splits, strict=True) if split != "train"}
    gone = [place for place, split in enumerate(splits) if split == "train" and people[place] in held]
    for place in gone:
        splits[place] = None
    return Drawn(splits, moved, [rows[place].id for place in gone])


def _split_held_out(
    rows: Sequence[Row], official: Mapping[str, str], held_out: Sequence[str], shares: Mapping[str, float], seed: int
) -> tuple[list[str], int]:
    """The split of each row, drawn within each sub-source, and how many went to train for samples of another split."""
    people = _people(rows)
    splits = [official.get(row.id, "") for row in rows]
    for part in held_out:
        ours = [place for place, row in enumerate(rows) if row.extra["source"] == part and not splits[place]]
        of_person = split_patients(
            [people[place] for place in ours], [rows[place].labels for place in ours], shares, seed
        )
        for place in ours:
            splits[place] = of_person[people[place]]
    homes: dict[str, set[str]] = {}
    for person, split in zip(people, splits, strict=True):
        homes.setdefault(person, set()).add(split)
    moved = [place for place, split in enumerate(splits) if len(homes[people[place]]) > 1 and split != "train"]
    for place in moved:
        splits[place] = "train"
    return splits, len(moved)


def _people(rows: Sequence[Row]) -> list[str]:
    return joined_by_signal([row.patient for row in rows], [row.extra["waveform"] for row in rows])
