"""What most sources make of their packed recordings: splits by patient, and pairs of recordings of one patient."""

import argparse
from collections.abc import Iterable, Mapping, Sequence

from fairseq_signals.data.pairs import gallery_probe
from fairseq_signals.data.preparation import SPLITS
from fairseq_signals.data.row import Row
from fairseq_signals.data.splits import SHARES, joined_by_signal, split_patients

OWN_SPLITS = "the table's own splits"


def add_shares(parser: argparse.ArgumentParser) -> None:
    """Adds `--shares`, how large the splits are where the source has none of its own."""
    default = ",".join(f"{SHARES[name]:g}" for name in SPLITS)
    parser.add_argument("--shares", type=shares, default=default, metavar="A,B,C", help="of train, valid, test")


def shares(text: str) -> dict[str, float]:
    """Fraction of the recordings by name of the split, from three numbers separated by commas."""
    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    if len(parts) != len(SPLITS) or not min(parts) >= 0 or not abs(sum(parts) - 1) <= 1e-9:
        raise argparse.ArgumentTypeError(f"shares must be three numbers that add up to 1, got {text!r}")
    return dict(zip(SPLITS, parts, strict=True))


def split_by_patient(
    rows: Sequence[Row], shares: Mapping[str, float] = SHARES, seed: int = 1
) -> tuple[dict[str, list[Row]], str]:
    """Rows of train, valid and test, stratified by label, and one sentence on how that was done.

    No patient is in two of them, and no two recordings of the same signal are, whoever's they are said to be.

    Args:
        rows: as `row_of` makes them (their signals' digests are in the column `waveform`).
        shares: fraction of the recordings by name of the split.
        seed: another seed gives another split.
    """
    groups = joined_by_signal([row.patient for row in rows], [row.extra["waveform"] for row in rows])
    of_group = split_patients(groups, [row.labels for row in rows], shares, seed)
    told = ", ".join(f"{name} {share:g}" for name, share in shares.items())
    return by_split(
        rows, [of_group[group] for group in groups]
    ), f"by patient, stratified by label ({told}), seed {seed}"


def by_split(rows: Sequence[Row], splits: Sequence[str | None]) -> dict[str, list[Row]]:
    """Rows of train, valid and test, given the split of each row; a row that has none is in none of them."""
    return {name: [row for row, own in zip(rows, splits, strict=True) if own == name] for name in SPLITS}


def own_splits_or_by_patient(
    rows: Sequence[Row], splits: Sequence[str | None], shares: Mapping[str, float], seed: int
) -> tuple[dict[str, list[Row]], str | None]:
    """Rows of train, valid and test, and one sentence on how they were made, or None where they are the source's own.

    Args:
        rows: as `row_of` makes them.
        splits: the source's own split of each row; without any, they are made by patient.
        shares: fraction of the recordings by name of the split.
        seed: another seed gives another split.
    """
    return (by_split(rows, splits), None) if any(splits) else split_by_patient(rows, shares, seed)


def unknown_patients(how: str, nobody: int, total: int, way_out: str) -> tuple[str, list[str]]:
    """How splits were made and what is to be said of it, where the patients of some recordings are not known.

    Args:
        how: as it would be if all were known.
        nobody: recordings whose patient is not known, each counted as one of its own.
        total: recordings.
        way_out: what tells the patients.
    """
    if not nobody:
        return how, []
    how = how.replace("by patient", "by recording", 1) if nobody == total else how
    how = f"{how}; the patient of {nobody} recordings is not known, so that each counts as one of its own"
    loud = (
        f"PATIENTS UNKNOWN: {nobody} of {total} recordings are split by recording, so that the same person may be in "
        f"train and in test and scores too good; {way_out}"
    )
    return how, [loud]


def in_doubt(rows: Iterable[Row]) -> set[str]:
    """Patients of whom some recording is, sample for sample, one of somebody else's: who they are nobody knows."""
    owners: dict[str, set[str]] = {}
    for row in rows:
        owners.setdefault(row.extra["waveform"], set()).add(row.patient)
    return {patient for those in owners.values() if len(those) > 1 for patient in those}


def pairs_of_splits(
    splits: Mapping[str, Sequence[Row]], seconds: float, seed: int
) -> tuple[dict[str, list[Row]], str, list[str]]:
    """Gallery and probe of test and of valid as far as there are any, one sentence on them, and what lacks.

    Patients who share a recording with somebody else are in none: they may be the same person under two names.

    Args:
        splits: rows by name of the split.
        seconds: length of the crops.
        seed: another seed draws other recordings and crops.
    """
    pairs, lacking, doubtful = {}, [], in_doubt(row for rows in splits.values() for row in rows)
    for split, prefix in (("test", ""), ("valid", "valid_")):
        gallery, probe = gallery_probe([row for row in splits[split] if row.patient not in doubtful], seconds, seed)
        if gallery:
            pairs |= {f"{prefix}gallery": gallery, f"{prefix}probe": probe}
        else:
            lacking.append(split)
    how = "no gallery and probe, as no patient has two recordings"
    if pairs:
        drawn = f"a random crop of {seconds:g} s"
        how = f"gallery and probe: two recordings of each patient of test (valid_: of valid), {drawn}"
    remarks = []
    if doubtful:
        remarks.append(
            f"in no gallery and probe, as the same recording is somebody else's too: {len(doubtful)} patients"
        )
    if lacking:
        lone = " or ".join(lacking)
        remarks.append(f"no pairs for identification: no patient of {lone} has two recordings of {seconds:g} s")
    return pairs, how, remarks
