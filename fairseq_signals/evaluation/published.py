"""What a paper reports, to stand beside what was measured here.

Conventions:
    A table `published.tsv` with the columns `table, row, task, column, metric, value, spread` and a line for each
    cell of the paper's tables, under our names of rows and metrics; spread is what the paper puts after ±, for Oh et
    al. 2022 the half-width of a 95 % confidence interval over three seeds, and empty where there is none. A cell
    that several of the paper's tables show stands under each of them.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

PUBLISHED_COLUMNS = ("table", "row", "task", "column", "metric", "value", "spread")

Published = Mapping[tuple[str, str, str, str, str], tuple[float, float]]
"""(value, spread) by (table, row, task, column, metric)."""


def read_published(path: str | Path) -> dict[tuple[str, str, str, str, str], tuple[float, float]]:
    """The value and the spread of every published cell by table, row, task, column and metric.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the columns are others, a cell appears twice, or a number cannot be read as a finite one.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"published values must be a file, got {path}")
    published = {}
    with Path(path).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
        if tuple(reader.fieldnames or ()) != PUBLISHED_COLUMNS:
            raise ValueError(
                f"published values must have the columns {', '.join(PUBLISHED_COLUMNS)}, "
                f"got {', '.join(reader.fieldnames or ())} ({path})"
            )
        for line in reader:
            cell = tuple(line[name] for name in PUBLISHED_COLUMNS[:-2])
            where = f"{path}, line {reader.line_num}"
            if None in line:
                raise ValueError(f"published cell must have {len(PUBLISHED_COLUMNS)} fields, got more ({where})")
            if cell in published:
                raise ValueError(f"published cells must differ, got {' '.join(cell)} twice ({where})")
            spread = _number(line["spread"], where) if line["spread"] else math.nan
            published[cell] = _number(line["value"], where), spread
    return published


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"published value must be a number, got {text!r} ({where})") from error
    if not math.isfinite(value):
        raise ValueError(f"published value must be finite, got {text!r} ({where})")
    return value
