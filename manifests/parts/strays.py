"""Files of a source that its tables or headers do not tell of: they are listed among the rejects, never passed over."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Reject


def unlisted(folder: Path, pattern: str, items: Iterable[Item], table: str) -> list[Reject]:
    """The files that a table does not list, sorted.

    Args:
        folder: of the source.
        pattern: of the files, such as `data/*.hea`.
        items: those that the table lists.
        table: its name, for the message.
    """
    listed = {item.file for item in items}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))
    return [not_in(table, Item(file, id=PurePosixPath(file).stem)) for file in found if file not in listed]


def not_in(table: str, item: Item) -> Reject:
    """A recording that a table does not list, among what is left out."""
    return Reject(item, UNLISTED, f"recording must be listed in {table}, got none of its name")


def without_header(folder: Path) -> list[str]:
    """Signal files (.mat) below a folder that have no header (.hea) beside them, sorted, relative to the folder."""
    headers = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.hea")}
    signals = (path.relative_to(folder) for path in folder.rglob("*.mat"))
    return sorted(signal.as_posix() for signal in signals if signal.with_suffix("") not in headers)


def headerless(item: Item) -> Reject:
    """A signal file without its header, among what is left out."""
    return Reject(item, "missing", f"header must lie beside the signal file, got none for {item.file}")
