"""Where a source can be had: one yaml per source, found by being there.

Keys: `name, version, licence, page, citation, recordings` (how many the source publishes), `size` (for people, in
words), `unverified` (what could not be checked when the file was written, in words), and exactly one of

    checksums   address of a SHA256SUMS.txt; the files stand beside it
    zenodo      address of a record's answer of Zenodo's API
    figshare    address of an article's or a collection's answer of figshare's API
    files       a list of `path, url` and, where the source publishes them, `size` and `sha256` or `md5`
    sign        what must be signed, and where, before a person may fetch the files; they are never fetched here

Optional: `unpack: true` for archives; `folder`, which of the folders is prepared, where that is not the whole;
`mirror`, an address that holds the same files as `checksums`; `refused`, what to do when the server wants a login after
all; `forms`, a mapping whose members replace keys, where a source is published in several forms (the first is the
default).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

KINDS = ("checksums", "zenodo", "figshare", "files", "sign")
_NEEDED = ("name", "version", "licence", "page", "citation", "recordings", "size", "unverified")
_ADDRESSES = ("page", "checksums", "zenodo", "figshare", "mirror")


@dataclass(frozen=True)
class Origin:
    """What the module's head tells of each key; `source` is the file's name, `form` the chosen one of `forms`."""

    source: str
    name: str
    version: str
    licence: str
    page: str
    citation: str
    recordings: int
    size: str
    unverified: str
    checksums: str | None = None
    zenodo: str | None = None
    figshare: str | None = None
    files: tuple[Mapping[str, Any], ...] | None = None
    sign: str | None = None
    mirror: str | None = None
    refused: str | None = None
    unpack: bool = False
    folder: str = "."
    form: str | None = None
    forms: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Which of `KINDS` tells the files."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


def origin_files(folder: Path) -> dict[str, Path]:
    """The yaml of each source, by the source's name."""
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_origin(path: Path, form: str | None = None) -> Origin:
    """What a yaml tells of a source.

    Args:
        path: `<source>.yaml`.
        form: one of its forms; by default the first.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not as the module's head tells, or the source has no such form.
    """
    if not path.is_file():
        known = ", ".join(origin_files(path.parent)) or "none"
        raise FileNotFoundError(f"source must be one of {known}, got {path.stem!r}")
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"origin must be YAML, got {' '.join(str(error).split())} ({path})") from error
    if not isinstance(told, dict):
        raise ValueError(f"origin must be a mapping, got {type(told).__name__} ({path})")
    forms = told.pop("forms", None) or {}
    if form is not None and form not in forms:
        raise ValueError(f"form must be one of {', '.join(forms) or 'none'}, got {form!r} ({path.stem})")
    if forms:
        form = form or next(iter(forms))
        told |= forms[form]
    return _checked(told, path, form, tuple(forms))


def _checked(told: dict[str, Any], path: Path, form: str | None, forms: tuple[str, ...]) -> Origin:
    known = {one.name for one in fields(Origin)} - {"source", "form", "forms"}
    strange, missing = sorted(set(told) - known), [key for key in _NEEDED if told.get(key) in (None, "")]
    if strange or missing:
        wrong = [*(f"the unknown key {key}" for key in strange), *(f"no {key}" for key in missing)]
        raise ValueError(f"origin must have the keys {', '.join(_NEEDED)}, got {', '.join(wrong)} ({path})")
    kinds = [kind for kind in KINDS if told.get(kind) is not None]
    if len(kinds) != 1:
        raise ValueError(f"origin must have one of {', '.join(KINDS)}, got {', '.join(kinds) or 'none'} ({path})")
    for key in _ADDRESSES:
        if key in told and not str(told[key]).startswith(("https://", "http://")):
            raise ValueError(f"{key} must be an address (https://…), got {told[key]!r} ({path})")
    if not isinstance(told["recordings"], int) or told["recordings"] < 1:
        raise ValueError(f"recordings must be a whole number, got {told['recordings']!r} ({path})")
    words = {key: " ".join(value.split()) if isinstance(value, str) else value for key, value in told.items()}
    words |= {"version": str(told["version"]), "files": tuple(told["files"]) if "files" in told else None}
    return Origin(source=path.stem, form=form, forms=forms, **words)
