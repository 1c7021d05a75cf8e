"""Tables of text as sources and hospitals write them: columns found by name, rows counted for messages.

UTF-8 with or without a byte order mark; cells are separated by tabs in a `.tsv`, elsewhere by whichever of comma,
semicolon and tab is most frequent in the first line. Row 1 is the header. Cells lose outer blanks.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TextIO

_SEPARATORS = (",", ";", "\t")


def columns_of(path: Path) -> tuple[str, ...]:
    """Names in the first row.

    Raises:
        FileNotFoundError, ValueError: there is no such file, it is no text, or two columns have the same name.
    """
    with _opened(path) as table:
        return _header(table, path)


def cells_of(path: Path, *columns: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number of each row, and its cells in these columns, in this order; blank lines are passed over.

    Args:
        path: the table.
        columns: names; without any, all of `columns_of`.

    Raises:
        FileNotFoundError, ValueError: as `columns_of`, or a column is missing, or a row has more or fewer cells.
    """
    with _opened(path) as table:
        names = _header(table, path)
        missing = [name for name in columns if name not in names]
        if missing:
            got = ", ".join(names) or "nothing"
            raise ValueError(f"{path.name} must have the columns {', '.join(columns)}, got {got} ({path}, row 1)")
        pick = _picker([names.index(name) for name in columns or names])
        for number, cells in enumerate(table, start=2):
            if len(cells) != len(names):
                if not cells:
                    continue
                raise ValueError(f"row must have {len(names)} cells, got {len(cells)} ({path}, row {number})")
            yield number, tuple(map(str.strip, pick(cells)))


def _picker(places: list[int]) -> "itemgetter[tuple[str, ...]]":
    return itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[list[str]]]:
    if not path.is_file():
        raise FileNotFoundError(f"table {path.name} must be a file, got none at {path}")
    table = None
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, delimiter=_separator(file, path), strict=True)
            yield table
    except (UnicodeDecodeError, csv.Error) as error:
        line = max(1, table.line_num) if table else 1  # of the file: a cell may go over several
        form = "text in UTF-8" if isinstance(error, UnicodeDecodeError) else "of comma-separated form"
        raise ValueError(f"table must be {form}, got {error} ({path}, about line {line})") from error


def _separator(file: TextIO, path: Path) -> str:
    first = file.readline()
    file.seek(0)
    return "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)


def _header(table: Iterator[list[str]], path: Path) -> tuple[str, ...]:
    names = tuple(name.strip() for name in next(table, ()))
    if len(set(names)) != len(names):
        raise ValueError(f"columns must differ in name, got {', '.join(names)} ({path}, row 1)")
    return names
