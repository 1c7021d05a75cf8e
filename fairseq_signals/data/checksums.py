"""Digests that a source publishes of its own files, to find what a download has damaged.

PhysioNet puts `SHA256SUMS.txt` into every project: one line per file, the digest, blanks, and the path relative to
the list.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath

from fairseq_signals.data.card import file_digest

LIST_NAME = "SHA256SUMS.txt"


class Checksums:
    """The digests that a list tells, found by a recording's path with whatever extension."""

    def __init__(self, path: Path):
        """Reads a list.

        Raises:
            ValueError: a line is no digest and path.
        """
        self._by_stem: dict[str, dict[str, str]] = defaultdict(dict)
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                digest, _, name = line.strip().partition(" ")
                name = name.strip().removeprefix("*").removeprefix("./")
                if not line.strip():
                    continue
                if len(digest) != 64 or not name:
                    raise ValueError(f"line must be a SHA-256 and a path, got {line.strip()!r} ({path}, line {number})")
                self._by_stem[_stem(name)][name] = digest.lower()

    def of(self, files: Iterable[str]) -> dict[str, str]:
        """Digests by path of everything that has the name of one of these files, whatever its extension."""
        return {name: digest for file in files for name, digest in self._by_stem.get(_stem(file), {}).items()}


def published(folder: Path) -> Checksums | None:
    """The list in a source's folder, or None where it has none."""
    return Checksums(folder / LIST_NAME) if (folder / LIST_NAME).is_file() else None


def damaged(root: Path, files: Iterable[Path], digests: dict[str, str]) -> list[str]:
    """Those files, relative to `root`, whose bytes are not what was published; what was not published is passed."""
    wrong = []
    for path in files:
        name = path.relative_to(root).as_posix()
        if name in digests and path.is_file():
            state = path.stat()
            if _digest(path, state.st_size, state.st_mtime_ns) != digests[name]:
                wrong.append(name)
    return wrong


@lru_cache(maxsize=64)  # a file of many recordings is asked for once per recording
def _digest(path: Path, size: int, changed: int) -> str:
    return file_digest(path)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
