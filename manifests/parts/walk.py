"""The files below a folder, through links to other folders, each real folder once."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def files_below(folder: Path, endings: Sequence[str]) -> list[str]:
    """Paths relative to a folder, sorted, of the files below it with such endings, in upper or lower case.

    A folder that is reached twice, through a link that leads back or beside, is walked once, under its own name
    wherever that lies below.

    Args:
        folder: walked deeply.
        endings: in lower case, such as `.hea`.
    """
    found = (path for path in _walked(folder) if path.suffix.lower() in endings)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _walked(folder: Path) -> Iterator[Path]:
    waiting, seen = [folder], set()
    while waiting:
        links = []
        for top, folders, files in _tree(waiting.pop(0), seen):
            yield from (top / name for name in files)
            links += [top / name for name in sorted(folders) if (top / name).is_symlink()]
        waiting += links


def _tree(start: Path, seen: set[str]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """What is below a folder without following links, but for what was seen before."""
    for top, folders, files in os.walk(start, onerror=_refuse):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield Path(top), list(folders), files


def _refuse(error: OSError) -> None:
    raise error  # a folder that may not be read would else be missing in silence
