"""Whether the files that a preparation has read are still the same: their sizes and times of change."""

from collections.abc import Iterable, Mapping
from pathlib import Path

Fingerprint = list[int] | None
"""Size in bytes and time of the last change in nanoseconds; None where there is no such file."""


def fingerprint(path: Path) -> Fingerprint:
    """What the file system says of a file."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [found.st_size, found.st_mtime_ns]


def fingerprints(root: Path, paths: Iterable[Path]) -> dict[str, Fingerprint]:
    """Fingerprints by path relative to `root`."""
    return {str(path.relative_to(root)): fingerprint(path) for path in paths}


def changed(root: Path, seen: Mapping[str, Fingerprint]) -> list[str]:
    """The paths relative to `root` of those files that are no longer as they were seen."""
    return [name for name, before in seen.items() if fingerprint(root / name) != before]
