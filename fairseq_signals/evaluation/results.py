"""The table of results: what was measured, on which lead set, from which start of the weights.

Conventions:
    A result is one number with the names `task, leads, init, metric, value`, as in `results.tsv`: task `diagnosis`
    or `identification`, leads the name of the lead set, init `pretrained` or `random`. No two results share all four
    names. A value that cannot be had is `nan`.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.evaluation.report import write_table

RESULT_COLUMNS = ("task", "leads", "init", "metric", "value")


def write_results(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes results as a table with the columns `task, leads, init, metric, value`, in the order given.

    Raises:
        ValueError: a row lacks a column, has another one, or repeats the names of an earlier one.
    """
    lines = (
        [*(str(row[name]) for name in RESULT_COLUMNS[:-1]), f"{row['value']:.6g}"] for row in checked_results(rows)
    )
    write_table(path, RESULT_COLUMNS, lines)


def read_results(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a table that `write_results` wrote, with `value` as a number.

    Raises:
        ValueError: the columns are others, or a value is no number.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return checked_results({**row, "value": float(row.get("value"))} for row in rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error} ({path})") from error


def results_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The results as aligned text: a line for each task, metric and init, a column for each lead set.

    Raises:
        ValueError: as in `write_results`.
    """
    rows = checked_results(rows)
    leads = list(dict.fromkeys(str(row["leads"]) for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        cells = lines.setdefault((row["task"], row["metric"], row["init"]), {})
        cells[str(row["leads"])] = f"{row['value']:.3f}"
    table = [["task", "metric", "init", *(f"{name} lead{'s' * (name != '1')}" for name in leads)]]
    table += [[*names, *(cells.get(name, "") for name in leads)] for names, cells in lines.items()]
    return "\n".join(aligned(table, ["<"] * 3 + [">"] * len(leads)))


def checked_results(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows as a list, each with exactly the columns of a result and names of its own.

    Raises:
        ValueError: as in `write_results`.
    """
    rows, seen = [dict(row) for row in rows], set()
    for row in rows:
        if set(row) != set(RESULT_COLUMNS):
            raise ValueError(f"result must have {', '.join(RESULT_COLUMNS)}, got {', '.join(map(str, row))}")
        names = tuple(str(row[name]) for name in RESULT_COLUMNS[:-1])
        if names in seen:
            raise ValueError(f"results must differ in task, leads, init or metric, got {' '.join(names)} twice")
        seen.add(names)
    return rows
