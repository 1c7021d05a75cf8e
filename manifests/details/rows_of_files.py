"""Whether a table's rows in files of many recordings are those that the files themselves tell."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from fairseq_signals.data.item import Item
from fairseq_signals.data.readers import hdf5

_HEAD = 512


def check_rows(folder: Path, items: Iterable[Item], ids_told: bool) -> list[str]:
    """What to say of the rows of HDF5 files, where something is odd but may be right.

    Args:
        folder: which the files are in.
        items: those of a table.
        ids_told: whether the table has ids of its own, which then must be the files'.

    Raises:
        ValueError: the rows are counted from 1, or more than half of a file's ids are not those of the table.
    """
    by_file: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.row is not None:
            by_file[item.file].append(item)
    remarks = []
    for file, listed in by_file.items():
        path = folder / file
        count = _count(path)
        if count is not None:
            _check_first(path, count, listed)
            remarks += _different(path, listed) if ids_told else []
    return remarks


def _count(path: Path) -> int | None:
    """Recordings of an HDF5 file; None where it is none, or damaged, which its reading will say."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    try:
        return hdf5.rows(path) if hdf5.recognises(path, head) else None
    except ValueError:
        return None


def _check_first(path: Path, count: int, listed: list[Item]) -> None:
    rows = {item.row for item in listed}
    if count in rows and 0 not in rows:
        raise ValueError(
            f"rows must count from 0, got row {count} of {path}, which has {count} (0 to {count - 1}), and never row 0"
        )


def _different(path: Path, listed: list[Item]) -> list[str]:
    own = hdf5.ids(path)
    both = [(item, own[item.row]) for item in listed if item.row < len(own)] if own else []
    different = [(item, told) for item, told in both if item.id != told]
    if not different:
        return []
    item, told = different[0]
    line = (
        f"ids must be those of the file, got others in {len(different)} of {len(both)} rows: the file calls row "
        f"{item.row} exam {told}, the table {item.id}; rows count from 0 ({path})"
    )
    if 2 * len(different) > len(both):
        raise ValueError(f"{line}; if the table's ids are of another kind, name their column something else")
    return [line]
