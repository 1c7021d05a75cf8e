"""Which files a source publishes, and what they must be: read from the source's own list.

Formats: `SHA256SUMS.txt` (PhysioNet: digest, a blank, path); Zenodo's answer for a record (`files`, each with `key`,
`size`, `checksum` "md5:…" and `links.self`); figshare's answers for an article (`files`, each with `name`, `size`,
`computed_md5` and `download_url`) and for a collection (pages of articles, each with its own address).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from fairseq_signals.data.download.connection import Connection
from fairseq_signals.data.download.inside import check_inside
from fairseq_signals.data.download.origin import Origin

# GNU's sha256sum writes two characters between, PhysioNet one.
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t][ *]?(\S.*)")
_LENGTHS = {"sha256": 64, "md5": 32}
_PAGE = 100  # articles that figshare is asked for at once


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A published file.

    Attributes:
        path: where it belongs, relative to the folder it is fetched into, with `/`.
        url: its address.
        size: bytes, or None where the source does not tell.
        digest: `sha256:…` or `md5:…`, or None where the source does not tell.
    """

    path: str
    url: str
    size: int | None = None
    digest: str | None = None


def list_files(
    origin: Origin, connection: Connection, mirror: bool = False, keep: Callable[[bytes], None] = lambda body: None
) -> list[RemoteFile]:
    """The files that a source publishes, sorted by path.

    Args:
        origin: of the source; not one that must be signed for.
        connection: asks the source for its list.
        mirror: take the files, but never the list, from the mirror.
        keep: called with the content of `SHA256SUMS.txt`, once it is understood, where the source has one.

    Raises:
        ValueError: the list is not what it should be, or has a name that would leave the folder or comes twice.
        OSError: the list could not be fetched.
    """
    if mirror and origin.mirror is None:
        raise ValueError(f"mirror must be known to be used, got none for {origin.source}")
    if origin.kind != "files":
        connection.patience.tell(f"asking {urlsplit(getattr(origin, origin.kind)).hostname} for the list of files")
    if origin.kind == "checksums":
        body = connection.read(origin.checksums)
        files = list(_from_sums(origin, body))
        keep(body)
    else:
        files = list(_READERS[origin.kind](origin, connection))
    where = getattr(origin, origin.kind) if origin.kind != "files" else f"{origin.source}.yaml"
    if mirror:
        folder = origin.mirror.rstrip("/")
        files = [RemoteFile(one.path, f"{folder}/{quote(one.path)}", one.size, one.digest) for one in files]
    seen: dict[str, RemoteFile] = {}
    for one in files:
        check_inside(one.path, where)
        if one.size is not None and (isinstance(one.size, bool) or not isinstance(one.size, int) or one.size < 0):
            raise ValueError(f"size must be a whole number of bytes, got {one.size!r} ({one.path}, {where})")
        if not one.url.startswith(("https://", "http://")):
            raise ValueError(f"address must begin with https://, got {one.url!r} ({one.path}, {where})")
        if seen.setdefault(one.path, one) != one:
            raise ValueError(f"file must be listed once, got {one.path} twice ({where})")
    if not seen:
        raise ValueError(f"list of files must name at least one, got none ({where})")
    return sorted(seen.values(), key=lambda one: one.path)


def parse_sums(text: str, where: str) -> dict[str, str]:
    """SHA-256 by path, as a `SHA256SUMS.txt` tells.

    Raises:
        ValueError: a line is not a digest and a path; names it.
    """
    sums = {}
    for number, line in enumerate(text.split("\n"), start=1):
        found = _LINE.fullmatch(line.rstrip("\r"))
        if line.strip() and not found:
            raise ValueError(f"line must be a SHA-256 and a path, got {line[:100]!r} ({where}, line {number})")
        if found:
            path = found[2].rstrip().removeprefix("./")
            if sums.setdefault(path, found[1].lower()) != found[1].lower():
                raise ValueError(f"file must have one digest, got two for {path} ({where}, line {number})")
    return sums


def _from_sums(origin: Origin, body: bytes) -> Iterable[RemoteFile]:
    try:
        sums = parse_sums(body.decode("utf-8"), origin.checksums)
    except UnicodeDecodeError as error:
        raise ValueError(f"list of files must be UTF-8, got {error} ({origin.checksums})") from error
    folder = origin.checksums.rpartition("/")[0]
    for path, digest in sums.items():
        yield RemoteFile(path, f"{folder}/{quote(path)}", None, f"sha256:{digest}")


def _from_zenodo(origin: Origin, connection: Connection) -> Iterable[RemoteFile]:
    for entry in _entries(connection.json(origin.zenodo), origin.zenodo):
        try:
            name, size, digest, url = entry["key"], entry["size"], entry["checksum"], entry["links"]["self"]
        except (KeyError, TypeError) as error:
            raise _lacking(error, origin.zenodo) from error
        yield RemoteFile(name, url, size, _digest(digest, name, origin.zenodo))


def _from_figshare(origin: Origin, connection: Connection) -> Iterable[RemoteFile]:
    address = origin.figshare.rstrip("/")
    articles = _articles(address, connection) if "/collections/" in address else [address]
    for article in articles:
        for entry in _entries(connection.json(article), article):
            try:
                name, size, url = entry["name"], entry["size"], entry["download_url"]
                md5, elsewhere = entry["computed_md5"] or entry["supplied_md5"], entry["is_link_only"]
            except (KeyError, TypeError) as error:
                raise _lacking(error, article) from error
            if elsewhere:
                raise ValueError(f"file must be held by figshare, got {name}, a link to {url} ({article})")
            yield RemoteFile(name, url, size, _digest(f"md5:{md5}", name, article) if md5 else None)


def _articles(collection: str, connection: Connection) -> list[str]:
    addresses: list[str] = []
    while True:
        page = f"{collection}/articles?page={len(addresses) // _PAGE + 1}&page_size={_PAGE}"
        found = connection.json(page)
        try:
            addresses += [entry["url"] for entry in found]
        except (KeyError, TypeError) as error:
            raise _lacking(error, page) from error
        if len(found) < _PAGE:
            return addresses


def _from_yaml(origin: Origin, connection: Connection) -> Iterable[RemoteFile]:
    for entry in origin.files:
        where = f"{origin.source}.yaml"
        if not {"path", "url"} <= set(entry) <= {"path", "url", "size", *_LENGTHS}:
            raise ValueError(f"file must have path and url, and may have size, sha256 or md5, got {entry} ({where})")
        told = next((f"{name}:{entry[name]}" for name in _LENGTHS if name in entry), None)
        digest = told and _digest(told, entry["path"], where)
        yield RemoteFile(entry["path"], entry["url"], entry.get("size"), digest)


_READERS = {"zenodo": _from_zenodo, "figshare": _from_figshare, "files": _from_yaml}


def _entries(answer: Any, where: str) -> list[Mapping[str, Any]]:
    files = answer.get("files") if isinstance(answer, dict) else None
    if not isinstance(files, list):
        raise ValueError(f"answer must have a list of files, got none ({where})")
    return files


def _digest(told: Any, name: str, where: str) -> str:
    algorithm, _, value = str(told).lower().partition(":")
    if not re.fullmatch(r"[0-9a-f]+", value) or _LENGTHS.get(algorithm) != len(value):
        raise ValueError(f"checksum must be sha256:… or md5:…, got {told!r} ({name}, {where})")
    return f"{algorithm}:{value}"


def _lacking(error: Exception, where: str) -> ValueError:
    return ValueError(f"answer must describe files as the API did when this was written, got no {error} ({where})")
