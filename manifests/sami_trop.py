"""SaMi-Trop: 1,631 recordings of as many people with chronic Chagas cardiomyopathy in Brazil, with mortality.

    python -m manifests.sami_trop --source sami-trop --dest data/sami_trop --rate 500

The source is a folder with `exams.csv` and the unpacked `exams.hdf5` (https://zenodo.org/records/4905618). Labels are
`Chagas`, which everybody has, and `normal_ecg`; a normal recording is not that of a healthy person. Splits are by
patient (one recording each), stratified by label and death; the source has none of its own.

Traps. The file of signals has no ids: row n of the table belongs to tracing n, so each must have exactly 1,631 rows.

Columns beyond the standard: `age` in years, `sex`, `normal_ecg`, `death` and `timey` (years to death or to the end of
follow-up; 104 died), `nn_predicted_age` (a network's guess), `source`.

Source: Cardoso et al. 2016, "Longitudinal study of patients with chronic Chagas cardiomyopathy in Brazil (SaMi-Trop
project)", https://doi.org/10.1136/bmjopen-2016-011181.
"""

from dataclasses import replace
from pathlib import Path

from fairseq_signals.data.item import Item, Packed
from fairseq_signals.data.preparation import Arrangement, Source, prepare, row_of
from fairseq_signals.data.readers import hdf5
from fairseq_signals.data.row import Row
from manifests.parts.arranging import add_shares, split_by_patient
from manifests.parts.cells import truth
from manifests.parts.code_cohort import CHAGAS, assumptions, check_rows, find_file, sex_of_male, stated
from manifests.parts.csv_table import cells_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of

_NAME, _TRACINGS, _TABLE = "SaMi-Trop", "exams.hdf5", "exams.csv"
_EXPECTED = 1631
_NORMAL, _DEATH = "normal_ecg", "death"
_KEPT = (_NORMAL, _DEATH, "timey", "nn_predicted_age")
_COLUMNS = ("age", "sex", *_KEPT, "source")


def read_items(folder: Path) -> list[Item]:
    """One item per row of `exams.csv`, which is the order of the tracings.

    Raises:
        ValueError, FileNotFoundError: table or tracings are missing or have not one row for each recording, or the
            tracings have ids of their own that differ from the table's; names the file.
    """
    tracings, table = find_file(folder, _TRACINGS), find_file(folder, _TABLE)
    check_rows("tracings", hdf5.rows(tracings), _EXPECTED, tracings)
    file, items = tracings.relative_to(folder).as_posix(), []
    for number, (exam, age, male, *kept) in cells_of(table, "exam_id", "age", "is_male", *_KEPT):
        where = f"{table}, row {number}"
        normal = truth(kept[0], where)
        truth(kept[1], where)
        extra = dict(zip(_COLUMNS, (age, sex_of_male(male, where), *kept, _NAME), strict=True))
        labels = (CHAGAS, *([_NORMAL] if normal else []))
        unknown = (_NORMAL,) if normal is None else ()
        items.append(Item(file, exam, exam, labels, unknown, extra=extra, row=len(items)))
    check_rows("table", len(items), _EXPECTED, table)
    own = hdf5.ids(tracings)
    if own is not None and own != [item.id for item in items]:
        raise ValueError(f"tracings must be in the order of {_TABLE}, got other ids in their own exam_id ({tracings})")
    return items


def arrange(packed: list[Packed], shares: dict[str, float], seed: int) -> Arrangement:
    """Splits by patient, stratified by label and by death; nobody has two recordings."""
    rows = {one.item.id: row_of(one) for one in packed}
    marked = [replace(row, labels=(*row.labels, *_outcome(row))) for row in rows.values()]
    splits, how = split_by_patient(marked, shares, seed)
    splits = {name: [rows[row.id] for row in part] for name, part in splits.items()}
    how = f"{how}, death counted as a label; no gallery and probe, as no patient has two recordings"
    return Arrangement(splits, {}, [CHAGAS, _NORMAL], how, extra_columns=_COLUMNS)


def _outcome(row: Row) -> tuple[str, ...]:
    return (_DEATH,) if truth(row.extra[_DEATH], row.id) else ()


def main(arguments: list[str] | None = None) -> dict:
    """Prepares SaMi-Trop as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], f"folder with {_TABLE} and the unpacked {_TRACINGS}")
    add_shares(parser)
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    items = read_items(folder)
    everybody = f"everybody has Chagas disease: {CHAGAS} applies to all, and no recording is that of a healthy person"
    source = Source(
        _NAME,
        "1.0.0",
        folder,
        items,
        choices=choices_of(options, "shares", "seed"),
        stated=stated(),
        expected=_EXPECTED,
        remarks=[assumptions(), everybody],
    )
    return prepare(
        source,
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, options.shares, options.seed),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
