"""CODE-test: 827 recordings of 827 patients that cardiologists, residents, students and a network have read.

    python -m manifests.code_test --source code-test/data --dest data/code_test --rate 500

The source is the folder `data` of https://zenodo.org/records/3765780, or the folder that it was unpacked into. Labels
are the gold standard: two cardiologists, and a third where they disagreed. The whole set is `test.tsv`, as it is the
test set of Ribeiro et al. 2020 for networks trained on the CODE cohort (CODE-15 % is a part of that).

Traps. There are no ids: row n of each table belongs to tracing n, so each must have exactly 827 rows. The leads are
stored in the order I, II, III, aVL, aVF, aVR, V1 to V6, unlike in CODE-15 %. `dnn.csv` has a column more than the other
tables: columns are found by name.

Columns beyond the standard: `age` in years, `sex`; what each reader found, codes separated by commas, empty where none
(`cardiologist1`, `cardiologist2`, `cardiology_residents`, `emergency_residents`, `medical_students`, `dnn`), `source`.
The cardiologists' readings are not independent of the gold standard, and each of the groups is two people who read one
half each.
"""

from pathlib import Path

from fairseq_signals.data.item import Item, Packed
from fairseq_signals.data.preparation import SPLITS, Arrangement, Source, prepare, row_of
from fairseq_signals.data.readers import hdf5
from manifests.parts.arranging import by_split
from manifests.parts.cells import sex_of, truth
from manifests.parts.code_cohort import FINDINGS, assumptions, check_rows, find_file, stated
from manifests.parts.csv_table import cells_of
from manifests.parts.options import option_parser, packing_of, run, source_folder, work_of

LEADS = ("I", "II", "III", "aVL", "aVF", "aVR", "V1", "V2", "V3", "V4", "V5", "V6")
READERS = (
    "cardiologist1",
    "cardiologist2",
    "cardiology_residents",
    "emergency_residents",
    "medical_students",
    "dnn",
)

_NAME, _VERSION = "CODE-test", "Zenodo record 3765780"
_TRACINGS, _ATTRIBUTES, _GOLD = "ecg_tracings.hdf5", "attributes.csv", "gold_standard"
_EXPECTED = 827
_COLUMNS = ("age", "sex", *READERS, "source")


def read_items(folder: Path) -> list[Item]:
    """One item per tracing, in the order of the file.

    Raises:
        ValueError, FileNotFoundError: a table is missing, or has not one row for each tracing; names the file.
    """
    tracings = find_file(folder, _TRACINGS)
    check_rows("tracings", hdf5.rows(tracings), _EXPECTED, tracings)
    people = _people(tracings.with_name(_ATTRIBUTES))
    readings = {name: _findings(tracings.parent / "annotations" / f"{name}.csv") for name in (_GOLD, *READERS)}
    return [
        Item(
            file=tracings.relative_to(folder).as_posix(),
            id=f"code_test-{row}",
            labels=readings[_GOLD][row],
            extra=people[row] | {name: ",".join(readings[name][row]) for name in READERS} | {"source": _NAME},
            split="test",
            row=row,
        )
        for row in range(_EXPECTED)
    ]


def _people(path: Path) -> list[dict[str, str]]:
    people = []
    for number, (age, sex) in cells_of(path, "age", "sex"):
        people.append({"age": age, "sex": sex_of(sex, f"{path}, row {number}")})
    check_rows("table", len(people), _EXPECTED, path)
    return people


def _findings(path: Path) -> list[tuple[str, ...]]:
    """Codes that apply to each tracing."""
    readings = []
    for number, cells in cells_of(path, *FINDINGS):
        told = [truth(cell, f"{path}, row {number}") for cell in cells]
        if None in told:
            raise ValueError(f"cell must be 0 or 1, got nothing ({path}, row {number})")
        readings.append(tuple(name for name, found in zip(FINDINGS, told, strict=True) if found))
    check_rows("table", len(readings), _EXPECTED, path)
    return readings


def arrange(packed: list[Packed]) -> Arrangement:
    """Everything for testing."""
    splits = by_split([row_of(one) for one in packed], [one.item.split for one in packed])
    how = f"all of it is the test set; {' and '.join(SPLITS[:2])} are empty; no patient has two recordings"
    return Arrangement(splits, {}, list(FINDINGS), how, extra_columns=_COLUMNS)


def main(arguments: list[str] | None = None) -> dict:
    """Prepares CODE-test as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], f"folder with {_TRACINGS}, {_ATTRIBUTES} and annotations")
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    items = read_items(folder)
    remarks = [assumptions(LEADS)]
    source = Source(_NAME, _VERSION, folder, items, stated=stated(LEADS), expected=_EXPECTED, remarks=remarks)
    return prepare(source, options.dest, packing_of(options), arrange, work_of(options))


if __name__ == "__main__":
    run(main)
