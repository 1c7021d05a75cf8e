"""PTB-XL: 21,799 recordings of 18,869 patients with 71 statements and ten official folds.

    python -m manifests.ptbxl --source ptb-xl-1.0.3 --dest data/ptbxl --records 500
    python -m manifests.ptbxl --source ptb-xl-1.0.3 --dest data/ptbxl-form --records 100 --task form

Labels are the statements of `scp_codes` that belong to the task: one of the six of Strodthoff et al. 2021, "Deep
Learning for ECG Analysis: Benchmarks and Insights from PTB-XL", https://doi.org/10.1109/JBHI.2020.3022989. As in
their benchmark's code, a statement applies whatever its likelihood (0 stands for a likelihood that nobody stated;
`--min-likelihood` makes those below it unknown), and a recording without any statement of the task is no example of
it, neither positive nor negative.

Differs: such a recording is kept with nothing known of its labels (`-`), so that it serves pre-training and
identification; training and scores pass over it.

Folds 1–8 train, 9 valid, 10 test. Gallery and probe are all patients with two or more recordings, whatever their fold,
as in Oh et al. 2022; `pretrain.tsv` has none of them. Since nobody with two recordings is left, the validation pairs
are a stand-in: the first and the last seconds of one recording of each fold-9 patient who has only one.

The 38 recordings that version 1.0.3 dropped hold the samples of others, mostly of the same patient: as gallery and
probe, two of a kind would be recognised by anything. Where an older table still has them, they are rejected, unless
`--duplicates keep` asks for the older version as it was (Oh et al. 2022 report 2,127 pairs; version 1.0.3 has 2,110).

Columns beyond the standard: `age` in years, where 90 stands for 90 and over (the source writes 300), `sex` (male,
female), `fold`.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Packed, Reject, Stated
from fairseq_signals.data.pairs import gallery_probe, halves
from fairseq_signals.data.preparation import SPLITS, Arrangement, Source, prepare, row_of
from manifests.parts.csv_table import cells_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of

TASKS = {"all": 71, "diagnostic": 44, "subdiagnostic": 23, "superdiagnostic": 5, "form": 19, "rhythm": 12}
"""The tasks, and how many classes each has."""

# Of each task: the column of scp_statements.csv that marks its statements, and the one that names their classes.
_COLUMNS = {
    "all": ("", ""),
    "diagnostic": ("diagnostic", ""),
    "subdiagnostic": ("diagnostic", "diagnostic_subclass"),
    "superdiagnostic": ("diagnostic", "diagnostic_class"),
    "form": ("form", ""),
    "rhythm": ("rhythm", ""),
}
DUPLICATES = frozenset(
    "137 139 140 141 142 143 145 456 458 459 461 462 2506 2511 3795 3798 3800 3801 3832 5817 7777 7779 7782 9821 9825 "
    "9888 11810 11814 11815 11817 11838 13791 13793 13796 13797 13799 15742 18150".split()
)
"""`ecg_id` of the recordings that version 1.0.3 no longer has."""

_TABLE, _STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
_VERSIONS = {21799: "1.0.3", 21837: "1.0.1"}  # by number of rows; the table does not tell
FOLDS = {str(fold): "train" for fold in range(1, 9)} | {"9": "valid", "10": "test"}
"""The split of each official fold."""
_SEXES = {"0": "male", "1": "female", "": ""}
_FILES = {100: "filename_lr", 500: "filename_hr"}
_OLDEST = 90  # the source writes 300 for most who are older


def task_classes(source: Path, task: str = "all") -> dict[str, str]:
    """The class of each statement that belongs to a task, in the order of `scp_statements.csv`.

    Args:
        source: the folder of PTB-XL.
        task: one of `TASKS`; for two of them, several statements make one class.
    """
    marked, named = _COLUMNS[task]
    rows = (row for _, row in _rows(source / _STATEMENTS, *dict.fromkeys(("", marked, named))))
    return {row[""]: row[named] for row in rows if (row[marked] == "1.0" or not marked) and row[named]}


def read_items(source: Path, hertz: int, task: str = "all", min_likelihood: float = 0.0) -> list[Item]:
    """One item per row of `ptbxl_database.csv`, in its order.

    Args:
        source: the folder of PTB-XL.
        hertz: 100 or 500, which of the two files per recording is taken.
        task: one of `TASKS`.
        min_likelihood: per cent; statements with a likelihood below this are neither taken nor denied.

    Raises:
        ValueError, FileNotFoundError: the tables are missing or not those of PTB-XL; names file and line.
    """
    known, classes, items = set(task_classes(source)), task_classes(source, task), []
    columns = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", _FILES[hertz])
    for line, row in _rows(source / _TABLE, *columns):
        try:
            items.append(_item(row, known, classes, min_likelihood, hertz))
        except (ValueError, TypeError, KeyError, SyntaxError) as error:
            raise ValueError(f"row must be one of PTB-XL, got {error} ({source / _TABLE}, row {line})") from error
    return items


class Person(NamedTuple):
    """What the table tells of a recording: whose it is, its official fold, its statements."""

    patient: str
    fold: str
    sex: str
    statements: tuple[str, ...]


def read_people(table: Path) -> dict[str, Person]:
    """Patient, fold, sex and statements by `ecg_id`, for the same recordings under other names.

    Args:
        table: `ptbxl_database.csv`.

    Raises:
        ValueError, FileNotFoundError: it is not that of PTB-XL; names file and line.
    """
    people = {}
    for line, row in _rows(table, "ecg_id", "patient_id", "sex", "scp_codes", "strat_fold"):
        try:
            codes = tuple(ast.literal_eval(row["scp_codes"]))
            people[row["ecg_id"]] = Person(patient_of(row), _fold(row), _SEXES[row["sex"]], codes)
        except (ValueError, TypeError, KeyError, SyntaxError) as error:
            raise ValueError(f"row must be one of PTB-XL, got {error} ({table}, row {line})") from error
    return people


def rejected_duplicate(item: Item, ecg_id: str) -> Reject:
    """One of the `DUPLICATES` among what is left out."""
    message = f"recording must be one of PTB-XL 1.0.3, got {ecg_id}, which it dropped for holding another one's samples"
    return Reject(item, UNLISTED, message)


def labels_of(
    statements: Mapping[str, float], classes: Mapping[str, str], min_likelihood: float = 0.0
) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Classes that apply, classes that are unknown, and whether no statement is of the task.

    Args:
        statements: likelihood in per cent by statement; 0 where it was not stated.
        classes: the task's class by statement.
        min_likelihood: of statements that count, where it was stated.
    """
    ours = {code: likelihood for code, likelihood in statements.items() if code in classes}
    sure = dict.fromkeys(classes[code] for code, likelihood in ours.items() if not 0 < likelihood < min_likelihood)
    doubtful = dict.fromkeys(classes[code] for code in ours if classes[code] not in sure)
    return tuple(sure), tuple(doubtful), not ours


def _rows(path: Path, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and cells by column of each row."""
    return ((number, dict(zip(columns, cells, strict=True))) for number, cells in cells_of(path, *columns))


def _item(row: dict[str, str], known: set[str], classes: Mapping[str, str], min_likelihood: float, hertz: int) -> Item:
    statements = ast.literal_eval(row["scp_codes"])  # a dictionary: statement -> likelihood
    strangers = [code for code in statements if code not in known]
    if strangers:
        raise ValueError(f"statements {', '.join(strangers)} that {_STATEMENTS} lacks")
    fold = _fold(row)
    labels, unknown, unlabelled = labels_of(statements, classes, min_likelihood)
    return Item(
        file=row[_FILES[hertz]],
        id=row["ecg_id"],
        patient=patient_of(row),
        labels=labels,
        unknown=unknown,
        unlabelled=unlabelled,
        extra={"age": _age(row["age"]), "sex": _SEXES[row["sex"]], "fold": fold},
        split=FOLDS[fold],
    )


def patient_of(row: Mapping[str, str]) -> str:
    """The patient's id; the table writes `15709.0`."""
    return str(int(float(row["patient_id"])))


def _fold(row: Mapping[str, str]) -> str:
    if row["strat_fold"] not in FOLDS or row["sex"] not in _SEXES:
        raise ValueError(f"fold {row['strat_fold']!r} and sex {row['sex']!r}, not 1 to 10 and 0 or 1")
    return row["strat_fold"]


def _age(cell: str) -> str:
    return str(min(int(float(cell)), _OLDEST)) if cell else ""


def arrange(packed: list[Packed], classes: list[str], seconds: float, seed: int) -> Arrangement:
    """Rows by official fold, and the pairs of Oh et al. 2022."""
    rows = {name: [row_of(one) for one in packed if one.item.split == name] for name in SPLITS}
    everyone = [row for name in SPLITS for row in rows[name]]
    recordings = Counter(row.patient for row in everyone)
    pairs = dict(zip(("gallery", "probe"), gallery_probe(everyone, seconds, seed), strict=True))
    single = [row for row in rows["valid"] if recordings[row.patient] == 1]
    pairs |= zip(("valid_gallery", "valid_probe"), halves(single, seconds), strict=True)
    how = (
        "official folds 1-8, 9, 10; gallery and probe: all patients with two or more recordings, two drawn of each, a "
        f"random crop of {seconds:g} s; valid_gallery and valid_probe: both ends of one recording of fold-9 patients "
        f"who have one (a stand-in); seed {seed}"
    )
    return Arrangement(rows, pairs, classes, how, extra_columns=("age", "sex", "fold"))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = option_parser(__doc__.splitlines()[0], "folder with ptbxl_database.csv, scp_statements.csv and records")
    add = parser.add_argument
    add("--records", type=int, choices=sorted(_FILES), default=500, help="take records100 or records500 (Hz)")
    add("--task", choices=sorted(TASKS), default="all", help="which statements are the labels")
    add("--min-likelihood", type=float, default=0.0, metavar="PERCENT", help="statements with a stated likelihood below this are unknown; 0 takes all")  # fmt: skip  # noqa: E501
    add("--duplicates", choices=("reject", "keep"), default="reject", help="the 38 recordings that only versions before 1.0.3 have")  # fmt: skip  # noqa: E501
    options = parser.parse_args(arguments)
    if not 0 <= options.min_likelihood <= 100:
        raise ValueError(f"likelihood must be 0 to 100 per cent, got {options.min_likelihood:g} (--min-likelihood)")
    return options


def _source(folder: Path, items: list[Item], options: argparse.Namespace) -> Source:
    version, expected = _VERSIONS.get(len(items)), len(items) if len(items) in _VERSIONS else min(_VERSIONS)
    gone = DUPLICATES if options.duplicates == "reject" else ()
    left_out = [rejected_duplicate(item, item.id) for item in items if item.id in gone]
    items = [item for item in items if item.id not in gone]
    choices = choices_of(options, "records", "task", "min_likelihood", "duplicates", "pair_seconds", "seed")
    stated = Stated(rate=float(options.records))  # a folder of the other rate is no silent mistake
    return Source("PTB-XL", version, folder, items, left_out, choices, stated, expected)


def main(arguments: list[str] | None = None) -> dict:
    """Prepares PTB-XL as the command line tells and returns the contents of `dataset.yaml`."""
    options = _options(arguments)
    folder = source_folder(options)
    classes = list(dict.fromkeys(task_classes(folder, options.task).values()))
    items = read_items(folder, options.records, options.task, options.min_likelihood)
    if not (folder / f"records{options.records}").is_dir():
        raise FileNotFoundError(
            f"source must have the folder records{options.records}, got none in {folder} (--records chooses the other)"
        )
    return prepare(
        _source(folder, items, options),
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, classes, options.pair_seconds, options.seed),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
