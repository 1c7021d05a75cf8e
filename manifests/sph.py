"""SPH: 25,770 recordings of 24,666 patients of Shandong Provincial Hospital with AHA statements, 10 to 56 s.

    python -m manifests.sph --source sph --dest data/sph --rate 500

Labels are the primary statements of `AHA_Code`, by their numbers in `code.csv`; what is coded normal has the class 1.
Statements are separated by `;`, and each may carry modifiers after `+` (60+310: ventricular premature complexes,
frequent), which are no diagnoses: they stand in the column `modifiers`, or, with `--with-modifiers`, statement and
modifiers become a class of their own beside the plain one. The source has no splits: they are by patient.

The files hold millivolts as float16, 500 Hz, in the standard order of leads, and say none of it. A float16 has 11
binary digits: between 0.5 and 1 mV its steps are 0.5 µV, between 1 and 2 mV 1 µV, between 4 and 8 mV 4 µV, so the
rounding is at most 0.25, 0.5 and 2 µV. This is less than the 4.88 µV steps of most electrocardiographs.

Columns beyond the standard: `age`, `sex`, `date`, `modifiers` (as `60+310`, separated by `;`).

Source: Liu et al. 2022, "A large-scale multi-label 12-lead electrocardiogram database with standardized diagnostic
statements", Scientific Data 9, 272, https://doi.org/10.1038/s41597-022-01403-5.
"""

import argparse
from pathlib import Path

from fairseq_signals.data.item import Item, Packed, Stated
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.preparation import Arrangement, Source, prepare, row_of
from manifests.parts.arranging import add_shares, pairs_of_splits, split_by_patient
from manifests.parts.cells import sex_of
from manifests.parts.csv_table import cells_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of
from manifests.parts.silence import patient_of_cell

_TABLE, _CODES, _RECORDS = "metadata.csv", "code.csv", "records"
_EXPECTED = 25_770
_RATE = 500.0


def statements(folder: Path) -> tuple[list[str], set[str]]:
    """Numbers of the primary statements in the order of `code.csv`, and those of the modifiers.

    Raises:
        ValueError: a number is listed twice.
    """
    path, primary, modifiers = folder / _CODES, [], set()
    for number, (category, code) in cells_of(path, "Category", "Code"):
        if code in modifiers or code in primary:
            raise ValueError(f"code must be listed once, got {code} again ({path}, row {number})")
        modifiers.add(code) if category.lower().startswith("modifier") else primary.append(code)
    return primary, modifiers


def read_items(folder: Path, with_modifiers: bool = False) -> list[Item]:
    """One item per row of `metadata.csv`, in its order.

    Args:
        folder: of SPH.
        with_modifiers: whether a statement with modifiers also is a class of its own, such as `60+310`.

    Raises:
        ValueError, FileNotFoundError: the tables are missing or not those of SPH; names the row.
    """
    primary, modifiers = statements(folder)
    items, path = [], folder / _TABLE
    columns = ("ECG_ID", "AHA_Code", "Patient_ID", "Age", "Sex", "N", "Date")
    for number, (name, cell, patient, age, sex, samples, date) in cells_of(path, *columns):
        where = f"{path}, row {number}"
        codes, modified = _parse(cell, set(primary), modifiers, where)
        if not samples.isdecimal():
            raise ValueError(f"N must be a whole number, got {samples!r} ({where})")
        told = {"age": age, "sex": sex_of(sex, where), "date": date, "modifiers": ";".join(modified), "N": samples}
        items.append(
            Item(
                file=f"{_RECORDS}/{name}.h5",
                id=name,
                patient=patient_of_cell(patient),
                labels=(*codes, *modified) if with_modifiers else codes,
                unlabelled=not codes,
                extra=told,
            )
        )
    return items


def _parse(cell: str, primary: set[str], modifiers: set[str], where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Primary statements, and those that have modifiers together with them; each once."""
    parts = [[code.strip() for code in statement.split("+")] for statement in cell.split(";") if statement.strip()]
    wrong = [first for first, *_ in parts if first not in primary]
    wrong += [code for _, *rest in parts for code in rest if code not in modifiers]
    if wrong:
        got = f"{', '.join(wrong)} in {cell!r} ({where})"
        raise ValueError(f"AHA_Code must be primary statements of {_CODES} and their modifiers, got {got}")
    modified = ("+".join(part) for part in parts if len(part) > 1)
    return tuple(dict.fromkeys(first for first, *_ in parts)), tuple(dict.fromkeys(modified))


def check_lengths(packed: list[Packed]) -> None:
    """Makes sure that each recording is as long as its row of the table says.

    Raises:
        ValueError: names one that is not; table and files are then not of the same release.
    """
    wrong = [one for one in packed if abs(one.length / one.rate * _RATE - int(one.item.extra["N"])) > _RATE / one.rate]
    if wrong:
        got, told = wrong[0].length / wrong[0].rate, int(wrong[0].item.extra["N"]) / _RATE
        raise ValueError(
            f"recordings must be as long as {_TABLE} says, got {len(wrong)} that are not, such as {wrong[0].item.file} "
            f"with {got:g} s instead of {told:g}: are table and files of the same download?"
        )


def arrange(packed: list[Packed], primary: list[str], options: argparse.Namespace) -> Arrangement:
    """Rows by patient, stratified by statement, and pairs of one patient's recordings."""
    check_lengths(packed)
    rows = [row_of(one) for one in packed]
    splits, how = split_by_patient(rows, options.shares, options.seed)
    pairs, how_pairs, remarks = pairs_of_splits(splits, options.pair_seconds, options.seed)
    modified = {code for row in rows for code in row.labels} - set(primary)
    columns = ("age", "sex", "date", "modifiers")
    classes = [*primary, *sorted(modified)]
    return Arrangement(splits, pairs, classes, f"{how}; {how_pairs}", extra_columns=columns, remarks=remarks)


def main(arguments: list[str] | None = None) -> dict:
    """Prepares SPH as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], "folder with metadata.csv, code.csv and records/")
    add_shares(parser)
    parser.add_argument("--with-modifiers", action="store_true", help="statements with modifiers are classes too")
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    items, (primary, _) = read_items(folder, options.with_modifiers), statements(folder)
    if not (folder / _RECORDS).is_dir():
        raise FileNotFoundError(
            f"source must have the folder {_RECORDS}, got none in {folder}: unpack records.tar.gz (tar -xf, as it is a "
            f"plain tar in spite of its name)"
        )
    choices = choices_of(options, "with_modifiers", "shares", "pair_seconds", "seed")
    stated = Stated(_RATE, STANDARD_LEADS, "mV")
    source = Source("SPH", "1", folder, items, choices=choices, stated=stated, expected=_EXPECTED)
    packing = packing_of(options)
    return prepare(source, options.dest, packing, lambda packed: arrange(packed, primary, options), work_of(options))


if __name__ == "__main__":
    run(main)
