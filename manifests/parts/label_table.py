"""A table of labels beside a folder of recordings: which file, whose, what it shows.

Columns by name, in any order (`manifests/parts/csv_table.py` says how they are separated): `file` (path relative to the
source, with or without extension) or `id` (name of the file without folder and extension); `labels` (codes separated
by commas or semicolons, `?CODE` for unknown, `-`, `nan`, `NA`, `None` … for nothing known, **empty for none applies**);
`patient` (empty, `nan`, `anonymous` … where nobody knows); `split` (train, valid, test). Any other column is kept, but
none may have a name that the manifest needs for itself, such as `rate`. Only `file` or `id` must be there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fairseq_signals.data.item import Item, Reject
from fairseq_signals.data.preparation import SPLITS
from fairseq_signals.data.row import NOTHING_KNOWN, parse_labels
from fairseq_signals.evaluation.cinc2021 import CLASSES
from manifests.parts.csv_table import cells_of, columns_of
from manifests.parts.silence import labels_of_cell, patient_of_cell
from manifests.parts.strays import not_in
from manifests.parts.taken_columns import refuse_taken

_NO_SEPARATORS = "|[]'\""  # a list of Python, say; only the challenge's merged classes have a |
_MEANT = ("file", "id", "labels", "patient", "split")


def apply_table(path: Path, items: Sequence[Item]) -> tuple[list[Item], list[Reject], list[str]]:
    """The items with what a table says of them.

    Args:
        path: the table.
        items: the folder's recordings.

    Returns:
        One item per row of the table, in the order of the items (those without a file come last), the recordings that
        the table does not list, and the names of its further columns.

    Raises:
        ValueError, FileNotFoundError: a column is missing or has the name of one of the manifest's, or a cell is not
            what its column holds.
    """
    columns = columns_of(path)
    if "file" not in columns and "id" not in columns:
        raise ValueError(f"table must have a column file or id, got {', '.join(columns) or 'nothing'} ({path}, row 1)")
    refuse_taken(columns, path, "call it something else in the table (source: such as department)", more=("folder",))
    key = "file" if "file" in columns else "id"
    further = [name for name in columns if name not in _MEANT]
    by_key = _index(items, key)
    found: dict[str, Item] = {}
    lost: list[Item] = []
    for line, cells in cells_of(path):
        row, where = dict(zip(columns, cells, strict=True)), f"{path}, row {line}"
        name = row[key]
        matches = by_key.get(_stem(name) if key == "file" else name, [])
        if len(matches) > 1:
            files = ", ".join(item.file for item in matches)
            raise ValueError(f"id must name one file, got {name!r}, which names {files}: use a column file ({where})")
        item = described(matches[0] if matches else Item(name, id=_stem(name)), row, further, where)
        if item.file in found:
            raise ValueError(f"{key} must be listed once, got {name!r} again ({where})")
        if matches:
            found[item.file] = item
        else:
            lost.append(item)  # its reading will fail, and it will be among the rejects
    listed = [found[item.file] for item in items if item.file in found]
    return listed + lost, [not_in(path.name, item) for item in items if item.file not in found], further


def _index(items: Sequence[Item], key: str) -> dict[str, list[Item]]:
    index: dict[str, list[Item]] = {}
    for item in items:
        stem = _stem(item.file)
        index.setdefault(stem if key == "file" else stem.rpartition("/")[2], []).append(item)
    return index


def _stem(file: str) -> str:
    path = Path(file.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.suffix.lower() in (".hea", ".dat", ".mat") else path.as_posix()


def described(item: Item, row: Mapping[str, str], further: Sequence[str], where: str) -> Item:
    """The item with what a row of a table says of it.

    Args:
        item: as it is known without the table.
        row: cells by column, of which `patient`, `split` and `labels` are meant if they are there.
        further: columns that are kept as they are.
        where: for messages.

    Raises:
        ValueError: a cell is not what its column holds.
    """
    item = replace(
        item, patient=patient_of_cell(row.get("patient")), extra=item.extra | {name: row[name] for name in further}
    )
    if "split" in row:
        if row["split"] not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {row['split']!r} ({where}, column split)")
        item = replace(item, split=row["split"])
    if "labels" in row:
        try:
            labels, unknown, unlabelled = parse_labels(_codes(row["labels"]))
        except ValueError as error:
            raise ValueError(f"{error} ({where}, column labels)") from None
        item = replace(item, labels=labels, unknown=unknown, unlabelled=unlabelled)
    return item


def _codes(cell: str) -> str:
    codes = [code.strip() for code in cell.replace(";", ",").split(",")]
    wrong = [code for code in codes if set(code) & set(_NO_SEPARATORS) and code.lstrip("?") not in CLASSES]
    if wrong:
        raise ValueError(
            f"labels must be codes separated by commas or semicolons, without brackets, quotes and |, got {cell!r}"
        )
    return labels_of_cell(",".join(codes))


def labels_line(path: Path, column: str = "labels") -> list[str]:
    """How many rows of a table have labels, none, or say nothing of them; nothing where it has no such column.

    Args:
        path: a table whose cells are as they should be.
        column: its name for the labels.
    """
    if column not in columns_of(path):
        return []
    kinds = Counter(
        "known" if _codes(cell) not in ("", NOTHING_KNOWN) else _codes(cell) for _, (cell,) in cells_of(path, column)
    )
    empty = f"{kinds['']} empty (none applies; write - where nobody looked)"
    return [f"labels: {kinds['known']} with, {empty}, {kinds[NOTHING_KNOWN]} unknown"]
