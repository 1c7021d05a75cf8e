"""Anyone's folder of WFDB records, found in all subfolders.

    python -m manifests.wfdb_folder --source archive --dest data/ours --rate 500 --patient-from comment:MRN
    python -m manifests.wfdb_folder --source archive --dest data/ours --labels archive/labels.csv --classes all

The recordings of the PhysioNet/CinC Challenge 2021 are `manifests/cinc2021.py`'s, which knows its sub-sources, PTB-XL's
patients among them, and what nobody looked for where.

Labels come from the `#Dx` comments of the headers, or from a table (`--labels`, see `manifests/parts/label_table.py`).
A header without a diagnosis leaves its recording unlabelled. Recordings that hold exactly the same samples are kept
in the same split.

Columns beyond the standard: `age` (years) and `sex` from the header's comments, `folder` (the first subfolder), and
those of the table.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.data.item import Item, Packed, Reject
from fairseq_signals.data.preparation import Arrangement, Source, prepare
from manifests.parts.arranging import (
    OWN_SPLITS,
    add_shares,
    own_splits_or_by_patient,
    pairs_of_splits,
    unknown_patients,
)
from manifests.parts.class_list import absent_line, add_classes, in_classes, outside_line
from manifests.parts.header_row import named_by_item, row_of_header
from manifests.parts.label_table import apply_table, labels_line
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of
from manifests.parts.own_data import add_own_data, name_of, unannotated_line, unannotated_of
from manifests.parts.silence import patient_of_cell
from manifests.parts.strays import headerless, without_header
from manifests.parts.walk import files_below

_COLUMNS = ("age", "sex", "folder")
_EXAMPLE = """  python scripts/prepare.py wfdb_folder --source archive --dest data/ours --classes all \\
      --labels labels.csv --patient-from table"""


def find_items(folder: Path) -> list[Item]:
    """One item per WFDB record below a folder, sorted by path; segments of a longer record are none of their own."""
    headers = [folder / file for file in files_below(folder, (".hea",))]
    segments = {path for header in headers for path in _segments(header)}
    items = []
    for header in headers:
        if header not in segments:
            file = header.relative_to(folder)
            first = file.parts[0] if len(file.parts) > 1 else ""
            items.append(Item(file.as_posix(), id=file.with_suffix("").as_posix(), extra={"folder": first}))
    if not items:
        raise FileNotFoundError(f"source must hold WFDB records (.hea), got none below {folder} (--source)")
    return items


def _lonely(folder: Path, items: Sequence[Item]) -> list[Reject]:
    """Signal files without a header, but for those that a table lists, whose reading will say so."""
    listed = {Path(item.file).with_suffix("").as_posix() for item in items}
    ids = {file: Path(file).with_suffix("").as_posix() for file in without_header(folder)}
    return [headerless(Item(file, id=name)) for file, name in ids.items() if name not in listed]


def _segments(header: Path) -> list[Path]:
    with open(header, encoding="latin-1") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    if not lines or "/" not in lines[0][0]:  # only the record line of a segmented record counts segments: name/N
        return []
    return [header.with_name(f"{line[0]}.hea") for line in lines[1:]]


def patient_of(packed: Packed, rule: str) -> str | None:
    """Whose recording it is, or None where the rule finds nothing.

    Args:
        packed: the recording.
        rule: `header` (a comment such as `#Patient`), `comment:NAME`, `table`, `folder` (the path of the record's
            folder) or `none`.
    """
    if rule == "header":
        return patient_of_cell(packed.patient)
    if rule.startswith("comment:"):
        return patient_of_cell(packed.meta.get("comments", {}).get(rule.removeprefix("comment:").strip().lower()))
    if rule == "table":
        return named_by_item(packed)
    return Path(packed.item.file).parent.as_posix() if rule == "folder" else None


def _each_named(packed: Sequence[Packed], patients: Sequence[str | None]) -> list[str]:
    """The patients, each that is not known called by the recording's id, as nobody else is called."""
    people = set(patients)
    stand_ins = [f"recording {one.item.id}" if one.item.id in people else one.item.id for one in packed]
    return [who or stand_in for who, stand_in in zip(patients, stand_ins, strict=True)]


def _check_comment(packed: Sequence[Packed], patients: Sequence[str | None], rule: str) -> None:
    if rule.startswith("comment:") and not any(patients):
        names = sorted({name for one in packed for name in one.meta.get("comments", {}) if name})
        raise ValueError(
            f"{rule} must be a comment of the headers that names a patient, got comments {', '.join(names) or 'none'} "
            f"(--patient-from); with another rule add --overwrite"
        )


def arrange(packed: list[Packed], options: argparse.Namespace, table_columns: Sequence[str] = ()) -> Arrangement:
    """Rows, classes, stratified splits by patient, and pairs of the patients with two recordings or more."""
    patients = [patient_of(one, options.patient_from) for one in packed]
    _check_comment(packed, patients, options.patient_from)
    rows = [row_of_header(one, patient=who) for one, who in zip(packed, _each_named(packed, patients), strict=True)]
    rows, classes, outside = in_classes(rows, options.classes, options.min_count)
    never = unannotated_of(options, rows, classes)
    lines = [*absent_line(rows, classes), *unannotated_line(options, never)]
    splits, how = own_splits_or_by_patient(rows, [one.item.split for one in packed], options.shares, options.seed)
    how = f"{how}, patients by {options.patient_from}" if how else OWN_SPLITS
    way_out = "--patient-from tells where the patient stands"
    how, unknown = unknown_patients(how, patients.count(None), len(rows), way_out)
    pairs, how_pairs, lacking = pairs_of_splits(splits, options.pair_seconds, options.seed)
    columns = (*_COLUMNS, *(name for name in table_columns if name not in _COLUMNS))
    remarks = [*outside_line(outside), *lines, *unknown, *lacking]
    return Arrangement(splits, pairs, classes, f"{how}; {how_pairs}", never, columns, remarks)


def _patient_rule(text: str) -> str:
    if text not in ("header", "table", "folder", "none") and not text.startswith("comment:"):
        raise argparse.ArgumentTypeError(f"rule must be header, comment:NAME, table, folder or none, got {text!r}")
    return text


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = option_parser(
        __doc__.splitlines()[0], "folder with WFDB records (.hea with .mat or .dat), searched deeply", _EXAMPLE
    )
    add = parser.add_argument
    add("--labels", type=Path, metavar="FILE", help="table with columns file or id, and labels, patient, split, others")
    add("--patient-from", type=_patient_rule, metavar="RULE", help="header (a #Patient comment), comment:NAME, table, folder or none; the table where it has a column patient, else header")  # fmt: skip  # noqa: E501
    add_classes(parser, "cinc2021")
    add_shares(parser)
    add_own_data(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict:
    """Prepares a folder as the command line tells and returns the contents of `dataset.yaml`."""
    options = _options(arguments)
    folder = source_folder(options)
    items, left_out, columns, remarks = find_items(folder), [], [], []
    if options.labels:
        items, left_out, columns = apply_table(options.labels, items)
        remarks = labels_line(options.labels)
    left_out = [*left_out, *_lonely(folder, items)]
    has_patients = any(item.patient for item in items)
    if options.patient_from == "table" and not has_patients:
        raise ValueError(f"table must have a column patient, got none in {options.labels} (--patient-from table)")
    options.patient_from = options.patient_from or ("table" if has_patients else "header")
    names = ("classes", "min_count", "unannotated", "patient_from", "shares", "pair_seconds", "seed")
    choices = choices_of(options, *names)
    source = Source(name_of(options, folder), options.version, folder, items, left_out, choices, remarks=remarks)
    return prepare(
        source,
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, options, columns),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
