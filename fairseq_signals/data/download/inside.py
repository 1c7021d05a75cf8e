"""Names that others made up (a server's list, an archive's directory), as paths that cannot leave their folder."""

from pathlib import PurePosixPath, PureWindowsPath

PARTIAL = ".partial"  # ending of a file that is not whole


def path_inside(name: str, where: str) -> PurePosixPath:
    """The relative path that `name` spells.

    Args:
        name: folders separated by `/`.
        where: which list or archive it stands in, for the message.

    Raises:
        ValueError: it is empty or absolute, climbs with `..`, has a backslash, a drive or a control character, or
            ends as unfinished files do.
    """
    parts = name.split("/")
    # Windows' rules know drives and network shares as well, and are checked on every system.
    anchored = PureWindowsPath(name).anchor or PureWindowsPath(name).drive or name.startswith("~")
    odd = any(part in ("", ".", "..") for part in parts) or "\\" in name or not name.isprintable()
    if anchored or odd or name.endswith((PARTIAL, f"{PARTIAL}.json")):
        raise ValueError(f"file name must be a plain path inside the folder, got {name!r} ({where})")
    return PurePosixPath(name)
