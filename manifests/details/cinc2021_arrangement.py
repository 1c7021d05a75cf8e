"""Labels, splits and pairs of the PhysioNet/CinC Challenge 2021, and what is to be said of them."""

import argparse
from collections.abc import Mapping, Sequence

from fairseq_signals.data.item import Packed
from fairseq_signals.data.pairs import gallery_probe, halves
from fairseq_signals.data.preparation import Arrangement
from fairseq_signals.data.row import Row
from manifests.details.cinc2021_splits import Drawn, split_rows
from manifests.parts.annotated import mask_unannotated
from manifests.parts.arranging import by_split, in_doubt, pairs_of_splits
from manifests.parts.cinc2021_parts import Selection
from manifests.parts.class_list import absent_line, in_classes, outside_line
from manifests.parts.header_row import row_of_header
from manifests.ptbxl import Person

_COLUMNS = ("age", "sex", "source", "ecg_id", "fold", "statements")


def arrange(
    packed: list[Packed], selection: Selection, people: Mapping[str, Person], options: argparse.Namespace
) -> Arrangement:
    """Rows in terms of the classes, splits within each sub-source, and pairs."""
    _check_join(packed, people)
    rows, classes, outside = in_classes([row_of_header(one) for one in packed], options.classes, options.min_count)
    remarks = [*outside_line(outside), *absent_line(rows, classes)]
    for name in ("age", "sex"):
        if unknown := sum(not row.extra[name] for row in rows):
            remarks.append(f"{name} unknown: {unknown} recordings")
    unannotated: list[str] = []
    if options.negatives == "annotated":
        rows, unannotated = mask_unannotated(rows, classes)
    remarks += _negatives_line(rows, selection.held_out, classes, unannotated, options.negatives)
    official = {one.item.id: one.item.split for one in packed if one.item.split}
    drawn = split_rows(rows, official, selection.held_out, options.shares, options.seed)
    splits = by_split(rows, drawn.splits)
    pairs, how_pairs, lacking = _pairs(splits, selection, options)
    how = f"{_how(selection, bool(people), options)}; {_how_copies(drawn, selection)}; {how_pairs}"
    remarks += _left_out_line(drawn.left_out)
    return Arrangement(splits, pairs, classes, how, unannotated, _COLUMNS, [*remarks, *lacking])


def _negatives_line(
    rows: Sequence[Row], held_out: Sequence[str], classes: Sequence[str], unannotated: Sequence[str], negatives: str
) -> list[str]:
    """What silence means for the recordings that are scored."""
    if negatives == "challenge":
        return [
            "a class without its code counts as absent, also where its sub-source does not annotate it, as in the "
            "challenge's own score (--negatives challenge)"
        ]
    unknown = {part: set(unannotated) for part in held_out}
    for row in rows:
        unknown.get(row.extra["source"], set()).update(row.unknown)
    told = [f"{len(names)} in {part}" for part, names in unknown.items() if names]
    line = (
        f"of {len(classes)} classes unknown, as not annotated there: {', '.join(told)}; neither losses nor scores see "
        "them, whereas the challenge's own score counts them as absent (--negatives challenge)"
    )
    return [line] if told else []


def _how_copies(drawn: Drawn, selection: Selection) -> str:
    moved = f"{drawn.moved} moved to train for samples of another split"
    if set(selection.parts) == set(selection.held_out):
        return moved
    return (
        f"{moved}; what is only trained on has no say in that, and {len(drawn.left_out)} recordings with samples or "
        "patients of valid or test are in no list, neither train nor pretrain"
    )


def _left_out_line(ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    return [f"in no list, as valid or test has their samples or patient: {len(ids)}, such as {', '.join(ids[:5])}"]


def _check_join(packed: Sequence[Packed], people: Mapping[str, Person]) -> None:
    """Makes sure that the table is that of these recordings: headers tell the sex, too."""
    both = [
        (people[one.item.extra["ecg_id"]].sex, one.meta["sex"])
        for one in packed
        if one.item.extra.get("ecg_id") in people and one.meta.get("sex")
    ]
    different = sum(ours != theirs for ours, theirs in both if ours)
    if different > max(2, 0.05 * len(both)):
        raise ValueError(
            f"sex must be the same in headers and table, got another in {different} of {len(both)} recordings of "
            "PTB-XL: the table is not that of these recordings (--ptbxl-table)"
        )


def _how(selection: Selection, has_people: bool, options: argparse.Namespace) -> str:
    shares = ", ".join(f"{name} {share:g}" for name, share in options.shares.items())
    official = has_people and "ptb-xl" in selection.held_out
    drawn = ", ".join(part for part in selection.held_out if not (official and part == "ptb-xl"))
    whole = ", ".join(part for part in selection.parts if part not in selection.held_out)
    told = [f"{drawn} each by recording, stratified by label ({shares}), seed {options.seed}"] if drawn else []
    told += ["ptb-xl by its official folds 1-8, 9, 10"] if official else []
    told += [f"train only: {whole}"] if whole else []
    told += [] if has_people or "ptb-xl" not in selection.parts else ["PTB-XL's patients are unknown"]
    return "; ".join(told)


def no_patients(selection: Selection) -> list[str]:
    """What to say where PTB-XL is taken without its table."""
    if "ptb-xl" not in selection.parts:
        return []
    spread = (
        "2,110 of them have several recordings, which now fall into different splits, so scores on them are too good"
    )
    then = spread if "ptb-xl" in selection.held_out else "nobody can be paired"
    return [f"PTB-XL's patients are unknown without --ptbxl-table: {then}"]


def _pairs(
    splits: Mapping[str, Sequence[Row]], selection: Selection, options: argparse.Namespace
) -> tuple[dict[str, list[Row]], str, list[str]]:
    seconds, seed = options.pair_seconds, options.seed
    if not selection.everybody:
        return pairs_of_splits(splits, seconds, seed)
    gallery, probe = gallery_probe(_identifiable([row for rows in splits.values() for row in rows]), seconds, seed)
    if not gallery:
        how = "no gallery and probe, as no patient is known to have two recordings"
        return {}, how, [how]
    valid_gallery, valid_probe = halves(splits["valid"], seconds)
    pairs = {"gallery": gallery, "probe": probe, "valid_gallery": valid_gallery, "valid_probe": valid_probe}
    how = (
        f"gallery and probe: all patients of PTB-XL with two or more recordings, two drawn of each, a random crop of "
        f"{seconds:g} s; valid_gallery and valid_probe: both ends of one recording of valid (a stand-in)"
    )
    return pairs, how, []


def _identifiable(rows: Sequence[Row]) -> list[Row]:
    """PTB-XL's recordings of patients who are in no other recording's samples, equal samples once."""
    elsewhere = in_doubt(rows)
    ours = [row for row in rows if row.extra["source"] == "ptb-xl" and row.patient not in elsewhere]
    return list({row.extra["waveform"]: row for row in reversed(ours)}.values())
