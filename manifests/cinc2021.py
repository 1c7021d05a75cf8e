"""The PhysioNet/CinC Challenge 2021: 88,253 recordings of eight sub-sources with SNOMED CT codes.

    python -m manifests.cinc2021 --source challenge-2021-1.0.3/training --dest data/cinc2021 --rate 500 \
        --ptbxl-table ptb-xl-1.0.3/ptbxl_database.csv
    python -m manifests.cinc2021 --source challenge-2021-1.0.3/training --dest data/oh2022 --rate 500 \
        --ptbxl-table ptb-xl-1.0.3/ptbxl_database.csv --preset oh2022

Labels come from the `#Dx` comments, by default in terms of the challenge's 26 classes. A class that a sub-source does
not annotate is unknown for its recordings (`manifests/parts/annotated.py`), and neither losses nor scores see it there;
`--negatives challenge` makes it absent, as the challenge's own score does (Reyna et al. 2021). Ningbo codes atrial
fibrillation nowhere and atrial flutter 7,615 times: its flutter is likely to be both.

Splits are made within each sub-source, and drawn from those alone that valid and test come from:
    - PTB-XL: its official folds 1–8, 9, 10 and patients, from `--ptbxl-table`. Without the table its patients are
      unknown, and its recordings are split one by one.
    - PTB, INCART: several recordings per patient, and nobody tells whose: train only.
    - the others: by recording, stratified; the challenge publishes no patients.
Recordings with the same samples that would fall into two of these splits go to train. A recording of a sub-source that
is only trained on, and of which a copy is in valid or test, is in no list, nor is any other recording of its patient.

A copy without INCART has 88,179 recordings, which are the 88,253 less its 74; PTB-XL's 38 that only older versions had
are left out in any case.

Presets (`--preset`, see `manifests/parts/cinc2021_parts.py`): `oh2022`, to pre-train and identify, takes all but PTB
and INCART, holds out tenths of CPSC and Georgia, and pairs all patients of PTB-XL with two recordings, who are kept out
of `pretrain.tsv`; `oh2022-diagnosis`, to diagnose, is CPSC and Georgia alone. Both hold out the same recordings where
they are prepared from the same files with the same options. In `oh2022-diagnosis` silence is absence (`--negatives
challenge`, unless told otherwise), because the paper's CinC score counts it so.

Differs: the paper splits five-second samples (Oh et al. 2022, section 5.1); here a recording is whole, so neither a
recording nor a copy of it is on both sides. That does not hold for patients: CPSC and Georgia name none, and who has
several recordings there can be on both. The paper divides the pre-training set itself into training and validation of
the identification (147,444 and 17,670 samples, section 5.1); here identification is trained on all of `pretrain`, and
`valid_gallery` and `valid_probe` are the two ends of each recording of `valid`. PTB-XL's patients of whom a recording
is, sample for sample, somebody else's too are in no pair.

Columns beyond the standard: `age` (years), `sex`, `source` (the sub-source), and for PTB-XL `ecg_id` (HR00001 is 1),
`fold`, `statements`.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Reject
from fairseq_signals.data.preparation import Source, prepare
from manifests.details.cinc2021_arrangement import arrange, no_patients
from manifests.parts.arranging import add_shares
from manifests.parts.cinc2021_parts import EXPECTED, PARTS, PRESETS, Selection, part_of_file
from manifests.parts.class_list import add_classes
from manifests.parts.options import choices_of, option_parser, packing_of, run, some_of, source_folder, work_of
from manifests.parts.strays import headerless, without_header
from manifests.parts.walk import files_below
from manifests.ptbxl import DUPLICATES, FOLDS, Person, read_people, rejected_duplicate

_NEGATIVES = {"oh2022-diagnosis": "challenge"}
"""What silence means by default, for presets that are scored as the challenge scores; `annotated` for the others."""

_COPIES = "left out of train"
"""Stands in the card and so in the plan: what was prepared before copies were left out is not taken for the same."""


def find_items(
    folder: Path, selection: Selection, people: Mapping[str, Person]
) -> tuple[list[Item], list[Reject], dict[str, list[str]]]:
    """The recordings of the selection sorted by path, what is left out of them, and what is odd about which.

    Args:
        folder: searched deeply.
        selection: sub-sources.
        people: PTB-XL's table by `ecg_id`; empty where it is not given.

    Raises:
        FileNotFoundError: there is no recording of the selection.
    """
    headers = files_below(folder, (".hea",))
    items, left_out, odd = [], [], {}
    for file in [*headers, *without_header(folder)]:
        part, contradiction = part_of_file(file)
        item = Item(file, id=PurePosixPath(file).stem, extra={"source": part or ""})
        if part is None:
            message = f"recording must be one of {', '.join(PARTS)}, by its folder or its name, got {file}"
            left_out.append(Reject(item, UNLISTED, message))
        elif part not in selection.parts:
            continue
        elif not file.lower().endswith(".hea"):
            left_out.append(headerless(item))
        else:
            one = _of_ptbxl(item, people) if part == "ptb-xl" else item
            (items if isinstance(one, Item) else left_out).append(one)
        odd.setdefault(item.id, [contradiction] if contradiction else [])  # the first of an id is kept
    if not items:
        wanted = ", ".join(selection.parts)
        raise FileNotFoundError(f"source must hold recordings of {wanted}, got none below {folder} (--source, --parts)")
    return items, left_out, {name: notes for name, notes in odd.items() if notes}


def _of_ptbxl(item: Item, people: Mapping[str, Person]) -> Item | Reject:
    digits = item.id.removeprefix("HR")
    ecg_id = str(int(digits)) if digits.isdecimal() else ""
    if ecg_id in DUPLICATES:
        return rejected_duplicate(item, item.id)
    if not people:
        return replace(item, extra=item.extra | {"ecg_id": ecg_id})
    if ecg_id not in people:
        return Reject(item, UNLISTED, f"recording must be in the table of PTB-XL, got {item.id}, which is not")
    person = people[ecg_id]
    told = {"ecg_id": ecg_id, "fold": person.fold, "statements": " ".join(person.statements)}
    return replace(item, patient=person.patient, split=FOLDS[person.fold], extra=item.extra | told)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = option_parser(__doc__.splitlines()[0], "the challenge's folder training, or any folder of its records")
    add = parser.add_argument
    add("--preset", choices=sorted(PRESETS), default="all", help="the sub-sources and splits of a paper")
    add(
        "--parts",
        type=some_of("parts", PARTS),
        metavar="NAMES",
        help=f"sub-sources to take, of those of the preset: {', '.join(PARTS)}",
    )
    add("--ptbxl-table", type=Path, metavar="FILE", help="ptbxl_database.csv, for PTB-XL's patients, folds and statements")  # fmt: skip  # noqa: E501
    add_classes(parser, "cinc2021")
    add("--negatives", choices=("annotated", "challenge"), help="annotated: classes that a sub-source does not annotate are unknown there; challenge: absent, as in the challenge's score (default: annotated; with --preset oh2022-diagnosis: challenge)")  # fmt: skip  # noqa: E501
    add_shares(parser)
    options = parser.parse_args(arguments)
    options.negatives = options.negatives or _NEGATIVES.get(options.preset, "annotated")
    return options


def _selection(options: argparse.Namespace) -> Selection:
    preset = PRESETS[options.preset]
    if options.parts is None:
        return preset
    beyond = [part for part in options.parts if part not in preset.parts]
    if beyond:
        taken = ", ".join(preset.parts)
        raise ValueError(
            f"parts must be among those of preset {options.preset} ({taken}), got {', '.join(beyond)} (--parts)"
        )
    return replace(preset, parts=options.parts, held_out=tuple(p for p in preset.held_out if p in options.parts))


def _incomplete(selection: Selection, offered: Counter[str]) -> list[str]:
    """What to say where there are not as many recordings as were published."""
    other = [part for part in selection.parts if offered[part] != EXPECTED[part]]
    counts = ", ".join(f"{part} {offered[part]} of {EXPECTED[part]}" for part in other)
    return [f"other numbers of recordings than published, is the download complete? {counts}"] if other else []


def _present(selection: Selection, offered: Counter[str]) -> Selection:
    """What there is of a selection."""
    return replace(
        selection,
        parts=tuple(part for part in selection.parts if offered[part]),
        held_out=tuple(part for part in selection.held_out if offered[part]),
    )


def main(arguments: list[str] | None = None) -> dict:
    """Prepares the challenge's recordings as the command line tells and returns the contents of `dataset.yaml`."""
    options = _options(arguments)
    folder, selection = source_folder(options), _selection(options)
    if options.preset == "mehari2022" and not options.ptbxl_table:
        raise ValueError(
            "table of PTB-XL must be given for preset mehari2022, which tests on its folds (--ptbxl-table)"
        )
    people = read_people(options.ptbxl_table) if options.ptbxl_table else {}
    items, left_out, odd = find_items(folder, selection, people)
    choices = choices_of(options, "preset", "classes", "min_count", "negatives", "shares", "pair_seconds", "seed")
    choices |= {"parts": list(selection.parts), "copies of valid and test": _COPIES}
    offered = Counter(item.extra["source"] for item in (*items, *(reject.item for reject in left_out)))
    present = _present(selection, offered)
    remarks = _incomplete(selection, offered) + ([] if people else no_patients(present))
    if odd:
        remarks.append(f"recordings whose name is of another sub-source than their folder, which counts: {len(odd)}")
    source = Source("PhysioNet/CinC Challenge 2021", None, folder, items, left_out, choices, remarks=remarks, odd=odd)
    return prepare(
        source,
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, present, people, options),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
