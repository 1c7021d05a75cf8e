"""PTB-XL: 21,799 recordings of 18,869 patients with 71 statements and ten official folds.

    python -m manifests.ptbxl --source ptb-xl-1.0.3 --dest data/ptbxl --records 500

Labels are all statements of `scp_codes` whatever their likelihood (the "all" task of Strodthoff et al. 2021, "Deep
Learning for ECG Analysis: Benchmarks and Insights from PTB-XL"); folds 1–8 train, 9 valid, 10 test. Gallery and probe
are all patients with two or more recordings, whatever their fold, as in Oh et al. 2022; `pretrain.tsv` has none of
them. Since nobody with two recordings is left, the validation pairs are a stand-in: the first and the last seconds
of one recording of each fold-9 patient who has only one.

Columns beyond the standard: `age` in years, where 90 stands for 90 and over (the source writes 300), `sex` (male,
female), `fold`.
"""

import ast
import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fairseq_signals.data.item import Item, Packed
from fairseq_signals.data.pairs import gallery_probe, halves
from fairseq_signals.data.preparation import SPLITS, Arrangement, Source, prepare, row_of
from manifests.options import option_parser, packing_of, run, source_folder, work_of

_TABLE, _STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
_VERSIONS = {21799: "1.0.3", 21837: "1.0.1"}  # by number of rows; the table does not tell
_FOLDS = {str(fold): "train" for fold in range(1, 9)} | {"9": "valid", "10": "test"}
_SEXES = {"0": "male", "1": "female", "": ""}
_FILES = {100: "filename_lr", 500: "filename_hr"}
_OLDEST = 90  # the source writes 300 for most who are older


def statements(source: Path) -> list[str]:
    """The 71 codes, in the order of `scp_statements.csv`."""
    return [row[""] for row in _rows(source / _STATEMENTS, "")]


def read_items(source: Path, hertz: int) -> list[Item]:
    """One item per row of `ptbxl_database.csv`, in its order.

    Args:
        source: the folder of PTB-XL.
        hertz: 100 or 500, which of the two files per recording is taken.

    Raises:
        ValueError, FileNotFoundError: the tables are missing or not those of PTB-XL; names file and line.
    """
    known, items = set(statements(source)), []
    columns = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", _FILES[hertz])
    for line, row in enumerate(_rows(source / _TABLE, *columns), start=2):
        try:
            items.append(_item(row, known, hertz))
        except (ValueError, KeyError, SyntaxError) as error:
            raise ValueError(f"row must be one of PTB-XL, got {error} ({source / _TABLE}, row {line})") from error
    return items


def _rows(path: Path, *columns: str) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise FileNotFoundError(f"source must have the file {path.name}, got none at {path}")
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        missing = [name for name in columns if name not in (table.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path.name} must have the columns {', '.join(columns)}, got no {', '.join(missing)} ({path})"
            )
        yield from table


def _item(row: dict[str, str], known: set[str], hertz: int) -> Item:
    codes = tuple(ast.literal_eval(row["scp_codes"]))  # a dictionary: statement -> likelihood
    strangers = [code for code in codes if code not in known]
    if strangers:
        raise ValueError(f"statements {', '.join(strangers)} that {_STATEMENTS} lacks")
    if row["strat_fold"] not in _FOLDS or row["sex"] not in _SEXES:
        raise ValueError(f"fold {row['strat_fold']!r} and sex {row['sex']!r}, not 1 to 10 and 0 or 1")
    return Item(
        file=row[_FILES[hertz]],
        id=row["ecg_id"],
        patient=str(int(float(row["patient_id"]))),
        labels=codes,
        extra={"age": _age(row["age"]), "sex": _SEXES[row["sex"]], "fold": row["strat_fold"]},
        split=_FOLDS[row["strat_fold"]],
    )


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


def main(arguments: list[str] | None = None) -> dict:
    """Prepares PTB-XL as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], "folder with ptbxl_database.csv, scp_statements.csv and records")
    parser.add_argument(
        "--records", type=int, choices=sorted(_FILES), default=500, help="take records100 or records500 (Hz)"
    )
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    items, classes = read_items(folder, options.records), statements(folder)
    if not (folder / f"records{options.records}").is_dir():
        raise FileNotFoundError(
            f"source must have the folder records{options.records}, got none in {folder} (--records chooses the other)"
        )
    choices = {"records": options.records, "pair_seconds": options.pair_seconds, "seed": options.seed}
    source = Source("PTB-XL", _VERSIONS.get(len(items)), folder, items, choices=choices)
    return prepare(
        source,
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, classes, options.pair_seconds, options.seed),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
