"""The recordings that anyone's table lists: columns renamed, rows checked, classes made of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fairseq_signals.data.item import Item
from fairseq_signals.data.rule_tally import Rules
from manifests.parts.cells import sex_or_cell
from manifests.parts.csv_table import cells_of, columns_of
from manifests.parts.label_table import described
from manifests.parts.taken_columns import refuse_taken

MEANT = ("file", "id", "row", "patient", "labels", "split")
"""Columns that say something; every other is kept as it is."""


def renamed_columns(path: Path, names: Mapping[str, str]) -> list[str]:
    """The table's columns under our names, in its order; one without a name (pandas' index) is called `unnamed`.

    Args:
        path: the table.
        names: the table's name by ours.

    Raises:
        ValueError, FileNotFoundError: a column is missing, is there twice, or has the name of one of the manifest's.
    """
    theirs = columns_of(path)
    got = f"{', '.join(theirs) or 'nothing'} ({path}, row 1)"
    missing = [name for name in names.values() if name not in theirs]
    if missing:
        raise ValueError(f"columns must be in the table, no {', '.join(missing)} (--columns), got {got}")
    ours = {name: own for own, name in names.items()}
    columns = [ours.get(name, name) or "unnamed" for name in theirs]
    if "file" not in columns:
        raise ValueError(f"table must have a column file, or --columns file=NAME must say which it is, got {got}")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise ValueError(f"columns must have names of their own, got {twice[0]!r} twice ({path}, row 1; --columns)")
    refuse_taken(columns, path, "--columns new={0} renames it (source: such as department=source)")
    return columns


def read_items(path: Path, folder: Path, columns: Sequence[str], rules: Rules) -> list[Item]:
    """One item per row of the table, sorted by file and row.

    Args:
        path: the table.
        folder: which the files are in.
        columns: its columns, as `renamed_columns` gives them.
        rules: classes out of numbers; they tally what they find.

    Raises:
        ValueError: a cell is not what its column holds, a recording is listed twice, a patient is in two splits, or a
            column that a rule needs is missing; names the row.
    """
    lacking = [column for column in rules.columns if column not in columns]
    if lacking:
        got = ", ".join(columns)
        raise ValueError(
            f"column of a rule must be in the table, no {', '.join(lacking)} (--label), got {got} ({path})"
        )
    further = [name for name in columns if name not in MEANT]
    items: list[Item] = []
    lines: dict[tuple[str, int | None], int] = {}
    homes: dict[str, tuple[str | None, int]] = {}
    for line, cells in cells_of(path):
        where, row = f"{path}, row {line}", dict(zip(columns, cells, strict=True))
        if "sex" in row:
            row["sex"] = sex_or_cell(row["sex"])
        item = described(_item(row, folder, where), row, further, where)
        first = lines.setdefault((item.file, item.row), line)
        if first != line:
            raise ValueError(f"a recording must be listed once, got {item.file} in row {first} already ({where})")
        split, before = homes.setdefault(item.patient or f"nobody in row {line}", (item.split, line))
        if split != item.split:
            raise ValueError(
                f"patient {item.patient} must be in one split, got {item.split} and, in row {before}, {split} ({where})"
            )
        items.append(_with_rules(item, row, rules, where))
    items.sort(key=lambda item: (item.file, -1 if item.row is None else item.row))
    return _each_unknown(items, rules) if rules.classes else items


def _item(row: Mapping[str, str], folder: Path, where: str) -> Item:
    cell = row.get("row", "")
    if cell and not (cell.isascii() and cell.isdecimal() and len(cell) < 10):
        raise ValueError(f"row must be a whole number from 0, or empty, got {cell!r} ({where}, column row)")
    try:
        file = _inside(row["file"], folder)
        return Item(file, row.get("id") or (f"{file}:{int(cell)}" if cell else file), row=int(cell) if cell else None)
    except ValueError as error:
        raise ValueError(f"{error} ({where}, column file)") from None


def _inside(cell: str, folder: Path) -> str:
    """The path relative to the source; one from the root of the disk must lead into it."""
    path = PurePosixPath(cell.replace("\\", "/"))  # tables often come from Windows
    for root in (folder.absolute(), folder.resolve()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.as_posix() if cell else ""


def _with_rules(item: Item, row: Mapping[str, str], rules: Rules, where: str) -> Item:
    if not rules.classes:
        return item
    both = {*(item.labels or ()), *item.unknown} & set(rules.classes)
    if both:
        raise ValueError(f"class of a rule must not be among the labels, got {', '.join(both)} in both ({where})")
    applying, unknown = rules.of(row)
    # Other rules will be made of the same column, which must not take a stand-in for a number.
    extra = {name: "" if rules.is_missing(name, cell) else cell for name, cell in item.extra.items()}
    return replace(item, extra=extra, labels=(*(item.labels or ()), *applying), unknown=(*item.unknown, *unknown))


def _each_unknown(items: Sequence[Item], rules: Rules) -> list[Item]:
    """Where nothing is known of the table's codes, each of them is unknown, so that the rules' classes can be known."""
    codes = sorted({code for item in items for code in (*item.labels, *item.unknown)} - set(rules.classes))
    return [
        replace(item, unlabelled=False, unknown=(*codes, *item.unknown)) if item.unlabelled else item for item in items
    ]
