"""A note beside a partial file: which version of the file it is part of, so that two are never glued together.

It stands in `NAME.partial.json`: the address, and what the server calls the version (ETag or date).
"""

import json
from pathlib import Path

import requests

from fairseq_signals.data.atomic import written_whole


class VersionNote:
    """The note of one partial file."""

    def __init__(self, partial: Path, url: str):
        self._path, self._url = partial.with_name(f"{partial.name}.json"), url

    def version(self) -> str | None:
        """The version that is noted, or None where nothing is for this address."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            return told["version"] if told["url"] == self._url else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, version: str) -> None:
        """Notes a version."""
        if version != self.version():
            with written_whole(self._path, "w") as stream:
                json.dump({"url": self._url, "version": version}, stream)

    def forget(self) -> None:
        """Removes the note."""
        self._path.unlink(missing_ok=True)


def version_of(response: requests.Response) -> str | None:
    """A strong ETag, or else the date; a weak ETag does not promise equal bytes."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
