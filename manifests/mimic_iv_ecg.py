"""MIMIC-IV-ECG: 800,035 recordings of 161,352 patients with the machine's report; diagnoses from MIMIC-IV-ECG-ICD.

    python -m manifests.mimic_iv_ecg --source mimic-iv-ecg-1.0 --dest data/mimic --diagnoses records_w_diag_icd10.csv

Without `--diagnoses` nothing is labelled, and splits are by patient. With it, labels are ICD-10 codes of the discharge
(`manifests/details/mimic_diagnoses.py`; recordings without any are unlabelled) and splits its folds: 0–17 train, 18
valid, 19 test. Its recordings and ids must not be shared: what is prepared from them is under the same agreement.

With `--echo FILE`, MIMIC-IV-ECHO's `structured-measurement.csv` or a hospital's own table, the ejection fraction of the
nearest echocardiogram within 14 days becomes the column `ef` (`manifests/details/echo_values.py`), from which a task
makes a class: `lvsd: ef < 40`. It is empty where nothing is known.

Traps. The files store aVF before aVL: leads are found by name. Intervals and axes that the machine could not measure
are written as 29999, 32767, −32768 or 65535: these cells become empty, and are counted. The rhythm is not always the
first line of the report, which may be a warning: all lines stand in one column, separated by ` | `. Some 1.5 % of the
recordings have samples that are no numbers, or a dead lead: see `rejected.tsv` and `warnings.tsv`.

Columns beyond the standard: `ecg_time` (shifted by the source), `report`, `rr_interval` to `t_end` in ms, `p_axis`,
`qrs_axis` and `t_axis` in degrees, `bandwidth`, `filtering`; with diagnoses also `age` (91 and more: over 89), `sex`,
`fold`, and where in a stay the recording was taken; with echocardiograms also `ef` in %, and `ef_days` from the
recording to the echocardiogram.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Packed, Reject
from fairseq_signals.data.preparation import Arrangement, Source, prepare, row_of
from manifests.details import echo_values
from manifests.details.mimic_diagnoses import COLUMNS, FOLDS, LISTS, Diagnosed, read_diagnoses
from manifests.parts.arranging import add_shares, own_splits_or_by_patient, pairs_of_splits
from manifests.parts.class_list import absent_line, add_classes, in_classes, listed_codes, outside_line
from manifests.parts.csv_table import cells_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of

_RECORDS, _MEASUREMENTS = "record_list.csv", "machine_measurements.csv"
_REPORT = tuple(f"report_{line}" for line in range(18))
_MEASURED = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis")
_SETTINGS = ("bandwidth", "filtering")
_NOT_MEASURABLE = {text + end for text in ("29999", "32767", "-32768", "-32767", "65535") for end in ("", ".0")}
_EXPECTED = 800_035


def read_measurements(path: Path) -> tuple[dict[str, tuple[str, dict[str, str]]], Counter[str]]:
    """Patient and columns (report, intervals, axes, settings) by `study_id`, and how often each was not measurable."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    unmeasured: Counter[str] = Counter()
    shared: dict[str, str] = {}  # the same few texts again and again: each is kept once
    names = (*_MEASURED, *_SETTINGS)
    for number, (study, patient, *cells) in cells_of(path, "study_id", "subject_id", *_REPORT, *names):
        if study in found:
            raise ValueError(f"study_id must be listed once, got {study} again ({path}, row {number})")
        report = " | ".join(filter(None, cells[: len(_REPORT)]))
        columns = {"report": shared.setdefault(report, report)}
        for name, cell in zip(names, cells[len(_REPORT) :], strict=True):
            if cell in _NOT_MEASURABLE and name in _MEASURED:
                unmeasured[name] += 1
                cell = ""
            columns[name] = shared.setdefault(cell, cell)
        found[study] = shared.setdefault(patient, patient), columns
    return found, unmeasured


def read_items(
    folder: Path,
    measurements: dict[str, tuple[str, dict[str, str]]],
    diagnoses: Mapping[str, Diagnosed] | None = None,
) -> tuple[list[Item], list[Reject]]:
    """One item per row of `record_list.csv`, in its order, and those that the table of diagnoses does not list.

    Args:
        folder: of MIMIC-IV-ECG.
        measurements: as `read_measurements` gives them; their columns become those of the items.
        diagnoses: as `read_diagnoses` gives them; None leaves every recording unlabelled.

    Raises:
        ValueError, FileNotFoundError: the list is missing or not that of MIMIC-IV-ECG, or the tables say different
            patients of the same recording; names file and row.
    """
    items, left_out, path = [], [], folder / _RECORDS
    seen: set[str] = set()
    for number, (patient, study, time, record) in cells_of(path, "subject_id", "study_id", "ecg_time", "path"):
        measured_of, columns = measurements.get(study, (patient, {}))
        known = diagnoses.get(study) if diagnoses is not None else None
        if {patient} != {patient, measured_of, known.patient if known else patient}:
            raise ValueError(f"subject_id of study {study} must be {patient} in every table, got another ({path}, row {number})")  # fmt: skip  # noqa: E501
        if record.split("/")[-3:] != [f"p{patient}", f"s{study}", study]:
            raise ValueError(f"path must be that of its subject and study, …/p{patient}/s{study}/{study}, got {record!r} ({path}, row {number})")  # fmt: skip  # noqa: E501
        if study in seen:
            raise ValueError(f"study_id must be listed once, got {study} again ({path}, row {number})")
        seen.add(study)
        columns["ecg_time"] = time
        columns |= zip(COLUMNS, known.cells, strict=True) if known else ()
        item = Item(
            file=f"{record}.hea",
            id=study,
            patient=measured_of,
            labels=(known.codes if known else None) or (),
            unlabelled=known is None or known.codes is None,
            extra=columns,
            split=FOLDS.get(known.fold) if known else None,
        )
        if diagnoses is not None and known is None:
            left_out.append(Reject(item, UNLISTED, f"study {study} must be in the table of diagnoses, got no such row"))
        else:
            items.append(item)
    return items, left_out


def link_echoes(items: list[Item], echoes: echo_values.Echoes, within_days: float) -> list[str]:
    """Gives each recording the columns of its echocardiogram, and says in lines for people what was found.

    Raises:
        ValueError: no recording has an echocardiogram in time.
    """
    linked = 0
    for item in items:
        moment = echo_values.moment_of(item.extra["ecg_time"])
        cells = echoes.nearest(item.patient or "", moment, within_days) if moment else ("", "")
        item.extra.update(zip(echo_values.COLUMNS, cells, strict=True))
        linked += bool(cells[0])
    told = ", ".join(f"{what} {number}" for what, number in sorted(echoes.found.items()) if number) or "nothing odd"
    if not linked:
        raise ValueError(f"some recording must have an echocardiogram within {within_days:g} days, got none; {told} (--echo)")  # fmt: skip  # noqa: E501
    by = "; the table knows days alone, and no times" if echoes.by_day else ""
    return [
        f"ejection fraction within {within_days:g} days of the recording: {linked} of {len(items)} recordings{by}",
        f"echocardiograms of {len(echoes.of)} patients: {told}",
    ]


def arrange(packed: list[Packed], options: argparse.Namespace) -> Arrangement:
    """Rows by the source's folds, or by patient where there are none, and pairs of one patient's recordings."""
    rows, classes, outside = [row_of(one) for one in packed], [], Counter()
    if options.diagnoses:
        rows, classes, outside = in_classes(rows, options.classes, options.min_count)
    own = [one.item.split for one in packed]
    splits, how = own_splits_or_by_patient(rows, own, options.shares, options.seed)
    pairs, how_pairs, lacking = pairs_of_splits(splits, options.pair_seconds, options.seed)
    how = f"{how or 'strat_fold 0-17, 18, 19 of MIMIC-IV-ECG-ICD'}; {how_pairs}"
    columns = ("ecg_time", "report", *_MEASURED, *_SETTINGS, *(COLUMNS if options.diagnoses else ()))
    columns += echo_values.COLUMNS if options.echo else ()
    return Arrangement(
        splits, pairs, classes, how, (), columns, [*outside_line(outside), *absent_line(rows, classes), *lacking]
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = option_parser(__doc__.splitlines()[0], "folder with record_list.csv, machine_measurements.csv and files/")
    add = parser.add_argument
    add("--diagnoses", type=Path, metavar="FILE", help="records_w_diag_icd10.csv of MIMIC-IV-ECG-ICD")
    add("--diagnoses-of", choices=sorted(LISTS), default="all", help="the stay: hospital, ed (emergency department), or all: hospital, else ed")  # fmt: skip  # noqa: E501
    add("--icd-digits", type=int, default=5, metavar="N", help="characters of an ICD-10 code that are kept, 3 to 7")
    add("--wider", action=argparse.BooleanOptionalAction, default=True, help="a code also counts for those it begins with")  # fmt: skip  # noqa: E501
    add("--echo", type=Path, metavar="FILE", help="echocardiograms: structured-measurement.csv of MIMIC-IV-ECHO, unpacked, or a table with subject_id, time and ef")  # fmt: skip  # noqa: E501
    add("--echo-columns", type=_names, default=(), metavar="NAME=THEIRS,…", help="of --echo, where its columns have other names: subject_id=PID,time=STUDY_DATE,ef=LVEF")  # fmt: skip  # noqa: E501
    add("--echo-days", type=float, default=echo_values.WITHIN_DAYS, metavar="N", help="days that may lie between a recording and its echocardiogram")  # fmt: skip  # noqa: E501
    add("--echo-tests", type=_list, default="tte", metavar="KIND,…", help="of MIMIC-IV-ECHO: kinds that count: tte, tee, stress")  # fmt: skip  # noqa: E501
    add_classes(parser, choices="all, or codes separated by commas", min_count=2000)
    add_shares(parser)
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(tuple(part.strip() for part in pair.split("=")) for pair in text.split(","))
    known = ("subject_id", "time", "ef")
    if any(len(pair) != 2 or pair[0] not in known or not pair[1] for pair in pairs):
        raise argparse.ArgumentTypeError(f"must be NAME=THEIRS,… with the names {', '.join(known)}, got {text!r}")
    return pairs


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.split(","))


def _check_classes(items: list[Item], options: argparse.Namespace) -> None:
    """Looks for the classes before anything is packed, which may take a day."""
    counts = Counter(code for item in items for code in item.labels or ())
    wanted = set(listed_codes(options.classes))
    if not any(number >= options.min_count if options.classes == "all" else code in wanted for code, number in counts.items()):  # fmt: skip  # noqa: E501
        common = ", ".join(f"{code} ({number})" for code, number in counts.most_common(5)) or "no code at all"
        raise ValueError(f"classes must occur among the diagnoses, got {common} as the most frequent (--classes, --min-count)")  # fmt: skip  # noqa: E501


def main(arguments: list[str] | None = None) -> dict:
    """Prepares MIMIC-IV-ECG as the command line tells and returns the contents of `dataset.yaml`."""
    options = _options(arguments)
    folder = source_folder(options)
    measurements, unmeasured = read_measurements(folder / _MEASUREMENTS)
    diagnoses, odd = None, Counter()
    if options.diagnoses:
        diagnoses, odd = read_diagnoses(options.diagnoses, options.diagnoses_of, options.icd_digits, options.wider)
    items, left_out = read_items(folder, measurements, diagnoses)
    if options.diagnoses:
        _check_classes(items, options)
    ids = {one.id for one in items} | {reject.item.id for reject in left_out}
    empty = ", ".join(f"{name} {unmeasured[name]}" for name in _MEASURED if unmeasured[name]) or "none"
    found = {
        "not measurable, left empty": empty,
        "recordings without machine measurements": len(ids - measurements.keys()),
        "machine measurements without a recording": len(measurements.keys() - ids),
        "diagnoses that are no ICD-10 code, left out": odd.total(),
    }
    remarks = [f"{what}: {number}" for what, number in found.items()]
    names = ()
    if options.echo:
        if not options.echo_days >= 0:
            raise ValueError(f"days must be 0 or more, got {options.echo_days} (--echo-days)")
        echoes = echo_values.read_echoes(options.echo, dict(options.echo_columns), options.echo_tests)
        remarks += link_echoes(items, echoes, options.echo_days)
        names = ("echo_columns", "echo_days", "echo_tests")
    names += ("classes", "min_count", "diagnoses_of", "icd_digits", "wider", "shares", "pair_seconds", "seed")
    choices = choices_of(options, *names)
    source = Source("MIMIC-IV-ECG", "1.0", folder, items, left_out, choices, expected=_EXPECTED, remarks=remarks)
    return prepare(source, options.dest, packing_of(options), lambda packed: arrange(packed, options), work_of(options))


if __name__ == "__main__":
    run(main)
