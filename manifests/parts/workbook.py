"""Tables in Excel workbooks: the first sheet, columns found by name, rows counted for messages.

Row 1 is the header. Cells are text without outer blanks; what is no text is written out, and what is empty stays so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import load_workbook


def workbook_cells(path: Path, *columns: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number of each row, and its cells in these columns, in this order; empty rows are passed over.

    Args:
        path: the workbook (`.xlsx`).
        columns: names.

    Raises:
        FileNotFoundError, ValueError: there is no such file, it is no workbook, or a column is missing or stands there
            twice.
    """
    rows = _rows(path)
    names = [_text(cell) for cell in next(rows, ())]
    wrong = [name for name in columns if names.count(name) != 1]
    if wrong:
        got = ", ".join(filter(None, names)) or "nothing"
        raise ValueError(f"{path.name} must have the columns {', '.join(columns)} once each, got {got} ({path}, row 1)")
    places = [names.index(name) for name in columns]
    for number, cells in enumerate(rows, start=2):
        texts = [_text(cell) for cell in cells]
        if any(texts):
            texts += [""] * (len(names) - len(texts))
            yield number, tuple(texts[place] for place in places)


def _rows(path: Path) -> Iterator[tuple[Any, ...]]:
    if not path.is_file():
        raise FileNotFoundError(f"table {path.name} must be a file, got none at {path}")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
        book.close()
    except Exception as error:  # a damaged one fails in zipfile, in the XML parser or in openpyxl, each in its own way
        raise ValueError(
            f"{path.name} must be an Excel workbook, got {type(error).__name__}: {error} ({path})"
        ) from error
    return iter(rows)


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()
