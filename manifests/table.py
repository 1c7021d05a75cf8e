r"""Anyone's table of recordings in any readable format: paths, patients, labels, or numbers that become classes.

    python -m manifests.table --source archive --table list.csv --dest data/ours \
        --columns file=path,patient=PID,ef=LVEF --label "lvsd: ef <= 40"

One row per recording (`manifests/parts/csv_table.py` says how cells are separated). Columns, of which only `file` must
be there: `file`, a path inside `--source`; `row`, its place in a file that holds many, counted from 0; `id`, else the
path (and `:row`); `patient`; `labels` as in `manifests/parts/label_table.py`; `split` (train, valid, test); any other
is kept. `--columns` says which columns of the table these are, and gives others a new name.

A class can be made of a number such as the ejection fraction (`--label`, `fairseq_signals/data/number_rules.py`): where
the cell is empty or no number, or holds what no ejection fraction can be, the class is unknown, never absent. Numbers
that stand for a missing one (`--missing ef=-1`) are unknown too, and empty in the manifest. Without `labels` and
`--label`, labels are those that the files state; a file that states none is unlabelled.

Where there is no `patient` in the table and none in the file, splits are by recording, which is said loudly: the same
person may then be trained and tested on.

Files that do not say their rate, leads or unit (arrays, text) need `--files-rate`, `--files-leads` and `--files-unit`;
what other files beside them say themselves is believed. `--rate` and `--leads` are what is stored.

Columns beyond the standard: those of the table, with M and F in `sex` written as male and female; `age` and `sex` of
the files where the table has none.

Differs from `manifests/wfdb_folder.py`: the table decides what is there, in whatever format; a file that it does not
list is none of the data set's, and a row whose file is missing stands in `rejected.tsv`.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.data.item import Packed, Stated
from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead
from fairseq_signals.data.number_rules import number_of, parse_rule
from fairseq_signals.data.preparation import Arrangement, Source, prepare
from fairseq_signals.data.row import Row
from fairseq_signals.data.rule_tally import Rules
from manifests.details.rows_of_files import check_rows
from manifests.details.table_items import MEANT, read_items, renamed_columns
from manifests.parts.arranging import (
    OWN_SPLITS,
    add_shares,
    own_splits_or_by_patient,
    pairs_of_splits,
    unknown_patients,
)
from manifests.parts.class_list import absent_line, add_classes, in_classes, outside_line
from manifests.parts.header_row import patient_told, row_of_header
from manifests.parts.label_table import labels_line
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of
from manifests.parts.own_data import add_own_data, name_of, unannotated_line, unannotated_of

_TOLD = ("age", "sex")  # which files may state
_EXAMPLE = """  python scripts/prepare.py table --source archive --table archive/list.csv --dest data/ours \\
      --columns file=path,patient=PID,labels=diagnosis --files-rate 500 --files-leads 12 --files-unit uV"""


def arrange(packed: list[Packed], options: argparse.Namespace, rules: Rules, columns: Sequence[str]) -> Arrangement:
    """Rows, classes, the table's splits or splits by patient, and pairs of one patient's recordings."""
    rows = [row_of_header(one) for one in packed]
    rows, classes, outside = in_classes(rows, _choice(rows, options, rules), options.min_count)
    never = unannotated_of(options, rows, classes)
    lines = [*absent_line(rows, classes), *unannotated_line(options, never)]
    splits, how = own_splits_or_by_patient(rows, [one.item.split for one in packed], options.shares, options.seed)
    nobody = sum(patient_told(one) is None for one in packed)
    told = unknown_patients(how or OWN_SPLITS, nobody, len(rows), "--columns patient=NAME tells the patients' column")
    how, remarks = told[0], [*outside_line(outside), *lines, *told[1]]
    pairs, how_pairs, lacking = pairs_of_splits(splits, options.pair_seconds, options.seed)
    how, further = f"{how}; {how_pairs}", dict.fromkeys((*_TOLD, *(name for name in columns if name not in MEANT)))
    return Arrangement(splits, pairs, classes, how, never, list(further), [*remarks, *lacking])


def _choice(rows: Sequence[Row], options: argparse.Namespace, rules: Rules) -> str:
    """What `in_classes` is asked for; a rule's class is one even where it never applies."""
    if options.classes != "all" or not rules.classes:
        return options.classes
    counts = Counter(code for row in rows for code in row.labels)
    common = sorted(code for code, number in counts.items() if number >= options.min_count)
    return ",".join(dict.fromkeys((*rules.classes, *common)))


def _pairs_of_names(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(tuple(part.strip() for part in pair.split("=")) for pair in text.split(",") if pair.strip())
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise argparse.ArgumentTypeError(f"must be NAME=TEXT, separated by commas, got {text!r}")
    return pairs


def _rule(text: str) -> str:
    try:
        parse_rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _channels(text: str) -> tuple[str, ...]:
    names = STANDARD_LEADS if text.strip() == "12" else tuple(canonical_lead(name) or "" for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"must be 12 or different names of leads in the files' order, got {text!r}")
    return names


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = option_parser(__doc__.splitlines()[0], "folder that the table's paths are relative to", _EXAMPLE)
    add = parser.add_argument
    add("--table", type=Path, required=True, metavar="FILE", help="CSV or TSV with a row per recording and at least the column file")  # fmt: skip  # noqa: E501
    add("--columns", type=_pairs_of_names, default=(), metavar="NAME=THEIRS,…", help="our name=your column, such as file=path,patient=PID,labels=diagnosis; our names: file, id, row, patient, labels, split, or any other to rename")  # fmt: skip  # noqa: E501
    add("--label", type=_rule, action="append", default=[], metavar="RULE", help="a class out of a number, such as 'lvsd: ef <= 40' (<, <=, >, >=, ==, between A and B); may be given several times")  # fmt: skip  # noqa: E501
    add("--missing", type=_pairs_of_names, default=(), metavar="COLUMN=NUMBER,…", help="numbers of a --label's column that stand for a missing one; empty in the manifest")  # fmt: skip  # noqa: E501
    add(
        "--files-rate",
        type=float,
        metavar="HZ",
        help="rate of files that do not say it themselves (arrays, text); what a file says is believed",
    )
    add("--files-leads", type=_channels, metavar="LEADS", help="channels of files that do not name them themselves, in the files' order: 12 (standard order) or names")  # fmt: skip  # noqa: E501
    add("--files-unit", choices=("V", "mV", "uV"), help="unit of files that do not say it themselves")
    add("--not-calibrated", action="store_true", help="the numbers are no voltages (z-scores): kept as they are, and not tested")  # fmt: skip  # noqa: E501
    add("--zero-padded", action="store_true", help="zeros at both ends of all leads are padding, which is cut off")
    add_classes(parser, choices="all (those of --label in any case), cinc2021 (its 26), or codes separated by commas")
    add_shares(parser)
    add_own_data(parser)
    return parser.parse_args(arguments)


def _rules(options: argparse.Namespace) -> Rules:
    missing: dict[str, list[float]] = {}
    rules = [parse_rule(text) for text in options.label]
    for column, text in options.missing:
        number = number_of(text)
        if number is None or column not in {rule.column for rule in rules}:
            raise ValueError(f"missing must be a number of a column of --label, got {column}={text} (--missing)")
        missing.setdefault(column, []).append(number)
    return Rules(rules, missing)


def _stated(options: argparse.Namespace) -> Stated:
    # Z-scores have no unit; under the name mV they are kept as they are.
    unit = options.files_unit or ("mV" if options.not_calibrated else None)
    calibrated = not options.not_calibrated
    return Stated(options.files_rate, options.files_leads, unit, options.zero_padded, calibrated, where_missing=True)


def main(arguments: list[str] | None = None) -> dict:
    """Prepares what a table lists as the command line tells and returns the contents of `dataset.yaml`."""
    options = _options(arguments)
    folder, rules = source_folder(options), _rules(options)
    columns = renamed_columns(options.table, dict(options.columns))
    items = read_items(options.table, folder, columns, rules)
    odd_rows = check_rows(folder, items, "id" in columns)
    remarks = labels_line(options.table, dict(options.columns).get("labels", "labels"))
    remarks = [*remarks, *rules.lines(), *(f"DOUBT: {line}" for line in rules.doubts()), *odd_rows]
    if "patient" not in columns:
        remarks.append(
            "no column patient: who is who is known only as far as the files say it (--columns patient=NAME)"
        )
    names = ("columns", "label", "missing", "classes", "min_count", "unannotated", "shares", "pair_seconds", "seed")
    source = Source(
        name_of(options, folder),
        options.version,
        folder,
        items,
        choices=choices_of(options, *names),
        stated=_stated(options),
        remarks=remarks,
    )
    try:
        return prepare(
            source,
            options.dest,
            packing_of(options),
            lambda packed: arrange(packed, options, rules, columns),
            work_of(options),
        )
    except ValueError as error:
        more = "; here by --files-rate, --files-leads and --files-unit" if " or passed, got no " in str(error) else ""
        raise ValueError(f"{error}{more}") from error


if __name__ == "__main__":
    run(main)
