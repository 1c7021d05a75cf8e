"""LUDB: 200 recordings of 200 people at 500 Hz with rhythm, axis and diagnoses in words.

    python -m manifests.ludb --source ludb-1.0.1 --dest data/ludb

Labels are the phrases of the nine diagnosis columns of `ludb.csv`, where a cell holds several on lines of their own;
commas, which separate labels in a manifest, are left out ("Atrial flutter typical"), and phrases of the axis and of the
repolarization begin with the name of their column. A cell left empty means that nothing was found. `--columns` takes
some of the nine only.

Splits are by recording, which is by person here, stratified by label; nobody has two recordings for pairs. The
delineations (`data/1.i` and so on) are not read.

Columns beyond the standard: `age` in years, where 90 stands for 90 and over (the source writes >89), `sex`.

Source: Kalyakulina et al. 2020, https://doi.org/10.1109/ACCESS.2020.3029211.
"""

import argparse
from pathlib import Path

from fairseq_signals.data.item import Item, Packed, Reject
from fairseq_signals.data.preparation import Arrangement, Source, prepare, row_of
from manifests.parts.arranging import add_shares, split_by_patient
from manifests.parts.cells import sex_of
from manifests.parts.class_list import absent_line, add_classes, in_classes, outside_line
from manifests.parts.csv_table import cells_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, some_of, source_folder, work_of
from manifests.parts.strays import unlisted

_TABLE, _FOLDER = "ludb.csv", "data"
COLUMNS = {
    "rhythm": "Rhythms",
    "axis": "Electric axis of the heart",
    "conduction": "Conduction abnormalities",
    "extrasystole": "Extrasystolies",
    "hypertrophy": "Hypertrophies",
    "pacing": "Cardiac pacing",
    "ischemia": "Ischemia",
    "repolarization": "Non-specific repolarization abnormalities",
    "other": "Other states",
}
"""The diagnosis columns of `ludb.csv` by short names."""

_NAMED = ("axis", "repolarization")  # whose phrases ("normal", "septal") say nothing without their column


def read_items(folder: Path, columns: tuple[str, ...] = tuple(COLUMNS)) -> tuple[list[Item], list[Reject]]:
    """One item per row of `ludb.csv`, in its order, and the records that it does not list.

    Args:
        folder: with `ludb.csv` and `data/`.
        columns: short names of the diagnosis columns whose phrases are labels.

    Raises:
        ValueError, FileNotFoundError: the table is missing or not that of LUDB; names file and row.
    """
    names = ("ID", "Sex", "Age", *(COLUMNS[column] for column in columns))
    items = []
    for number, (name, sex, age, *cells) in cells_of(folder / _TABLE, *names):
        where = f"{folder / _TABLE}, row {number}"
        if not name.isdecimal():
            raise ValueError(f"ID must be a number, got {name!r} ({where})")
        labels = [label for column, cell in zip(columns, cells, strict=True) for label in phrases(column, cell)]
        told = {"age": _age(age, where), "sex": sex_of(sex, where)}
        file = f"{_FOLDER}/{name}.hea"
        items.append(Item(file, id=name, patient=name, labels=tuple(dict.fromkeys(labels)), extra=told))
    return items, unlisted(folder, f"{_FOLDER}/*.hea", items, _TABLE)


def phrases(column: str, cell: str) -> list[str]:
    """The labels in a cell, one line each.

    Args:
        column: short name of the diagnosis column.
        cell: lines of text, perhaps with a full stop at their ends.
    """
    found = []
    for line in cell.splitlines():
        text = " ".join(line.replace(",", " ").split()).rstrip(".").strip()
        begun = text.lower().startswith(COLUMNS[column].lower())
        if text:
            found.append(text if begun or column not in _NAMED else f"{COLUMNS[column]}: {text}")
    return found


def _age(cell: str, where: str) -> str:
    if cell and not cell.removeprefix(">").isdecimal():
        raise ValueError(f"age must be a number of years or >89, got {cell!r} ({where})")
    return str(int(cell[1:]) + 1) if cell.startswith(">") else cell


def arrange(packed: list[Packed], options: argparse.Namespace) -> Arrangement:
    """Rows in terms of the classes, and stratified splits; a person has one recording, so there are no pairs."""
    rows, classes, outside = in_classes([row_of(one) for one in packed], options.classes, options.min_count)
    splits, how = split_by_patient(rows, options.shares, options.seed)
    how = f"{how}; no gallery and probe: one recording per person"
    return Arrangement(
        splits,
        {},
        classes,
        how,
        extra_columns=("age", "sex"),
        remarks=[*outside_line(outside), *absent_line(rows, classes)],
    )


def main(arguments: list[str] | None = None) -> dict:
    """Prepares LUDB as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], f"folder with {_TABLE} and {_FOLDER}/")
    help_text = f"of the diagnoses: {', '.join(COLUMNS)}"
    some, default = some_of("columns", tuple(COLUMNS)), ",".join(COLUMNS)
    parser.add_argument("--columns", type=some, default=default, metavar="NAMES", help=help_text)
    add_classes(parser, choices="all, or phrases separated by commas")
    add_shares(parser)
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    items, left_out = read_items(folder, options.columns)
    choices = choices_of(options, "columns", "classes", "min_count", "shares", "pair_seconds", "seed")
    source = Source("LUDB", "1.0.1", folder, items, left_out, choices, expected=200)
    return prepare(source, options.dest, packing_of(options), lambda packed: arrange(packed, options), work_of(options))


if __name__ == "__main__":
    run(main)
