"""Files of a source that its tables or headers do not tell of: they are listed among the rejects, never passed over."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Reject
from manifests.parts.walk import files_below


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
    """WFDB's signal files (.mat, .dat) below a folder that no header describes, sorted, relative to the folder."""
    headers = {PurePosixPath(file).with_suffix("") for file in files_below(folder, (".hea",))}
    signals = [PurePosixPath(file) for file in files_below(folder, (".mat", ".dat"))]
    lonely = [signal for signal in signals if signal.with_suffix("") not in headers]
    named = _named_in({signal.parent for signal in lonely}, folder)
    return [signal.as_posix() for signal in lonely if signal not in named]


def _named_in(places: Iterable[PurePosixPath], folder: Path) -> set[PurePosixPath]:
    """Files that headers of these folders name: a record's signals need not have its name."""
    named = set()
    for place in places:
        for header in (path for path in (folder / place).iterdir() if path.suffix.lower() == ".hea"):
            lines = header.read_text(encoding="latin-1").splitlines()
            named |= {place / line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    return named


def headerless(item: Item) -> Reject:
    """A signal file without its header, among what is left out."""
    return Reject(item, "missing", f"header must lie beside the signal file, got none for {item.file}")
