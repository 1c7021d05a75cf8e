"""Names that others made up (a server's list, an archive's directory), as paths that cannot leave their folder."""

import re
from pathlib import PurePosixPath, PureWindowsPath

PARTIAL = ".partial"  # ending of a file that is not whole
_UNFINISHED = (PARTIAL, f"{PARTIAL}.json")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


def path_inside(name: str, where: str) -> PurePosixPath:
    """The relative path that `name` spells, or what `check_inside` raises."""
    check_inside(name, where)
    return PurePosixPath(name)


def check_inside(name: str, where: str) -> None:
    """Makes sure that a name spells a path inside its folder.

    Args:
        name: folders separated by `/`.
        where: which list or archive it stands in, for the message.

    Raises:
        ValueError: it is empty or absolute, climbs with `..`, has a backslash, a drive or a control character, or
            ends as unfinished files do.
    """
    plain = _PLAIN.fullmatch(name) is not None  # a list may have a million names, nearly all of them so
    if name.endswith(_UNFINISHED) or not (plain or _is_inside(name)):
        raise ValueError(f"file name must be a plain path inside the folder, got {name!r} ({where})")


def _is_inside(name: str) -> bool:
    # Windows' rules know drives and network shares as well, and are checked on every system.
    windows = PureWindowsPath(name)
    anchored = windows.anchor or windows.drive or name.startswith("~")
    return not anchored and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and name.isprintable()
