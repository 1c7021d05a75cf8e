"""One file from a server to a folder: resumed where it was cut off, verified, and named only when it is whole.

What has arrived stands in `NAME.partial`, with a note beside it on its version. Both outlive the process.
"""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import requests

from fairseq_signals.data.atomic import publish
from fairseq_signals.data.download.connection import Connection, Passing, Stopped
from fairseq_signals.data.download.inside import PARTIAL, path_inside
from fairseq_signals.data.download.listing import RemoteFile
from fairseq_signals.data.download.version_note import VersionNote, version_of

_BLOCK = 1 << 18  # bytes read and written together
_SMALL = _BLOCK  # a file that is rather fetched anew than continued


class WrongBytes(ValueError):
    """The whole file arrived, and is not what the source says it is."""


class DiskFull(OSError):
    """There is no room for more."""


def is_whole(file: RemoteFile, path: Path) -> bool:
    """Whether a file is there with the size and digest that the source tells, as far as it tells them."""
    if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
        return False
    return file.digest is None or _digest(path, file.digest) == file.digest


def _digest(path: Path, like: str) -> str:
    """The digest of a file, written as `like` is (`sha256:…`, `md5:…`)."""
    algorithm = like.partition(":")[0]
    with open(path, "rb") as stream:
        # MD5 is what Zenodo and figshare publish: good against accidents, no proof against forgery.
        digest = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{digest.hexdigest()}"


def fetch(
    file: RemoteFile, dest: Path, connection: Connection, arrived: Callable[[int], None] = lambda count: None
) -> Path:
    """The file in `dest`, fetched and verified.

    Args:
        file: what is fetched.
        dest: folder; the file's own folders are made.
        connection: to the server.
        arrived: called with the number of bytes that were added, which is negative where some are discarded.

    Raises:
        WrongBytes: twice the whole file had another size or digest than the source tells.
        DiskFull: there is no room; the partial file stays.
        OSError: the file cannot be had; the partial file stays.
        Stopped: everything is to end.
    """
    path = dest / path_inside(file.path, file.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(file, path, connection, arrived)
    transfer.complete()
    if transfer.what_is_wrong():
        transfer.discard()
        transfer.complete()
        if wrong := transfer.what_is_wrong():
            transfer.discard()
            raise WrongBytes(f"{file.path} must have {wrong}, also when fetched anew ({file.url})")
    transfer.publish()
    return path


class _Transfer:
    """A file on its way."""

    def __init__(self, file: RemoteFile, path: Path, connection: Connection, arrived: Callable[[int], None]):
        self.file, self.path, self.connection, self.arrived = file, path, connection, arrived
        self.partial = path.with_name(path.name + PARTIAL)
        self.note = VersionNote(self.partial, file.url)
        self.arrived(self.size())

    def size(self) -> int:
        """Bytes that are there."""
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def complete(self) -> None:
        """Asks until the whole file has arrived; the patience counts from the last progress."""
        number, furthest = 0, self.size()
        while self.file.size is None or self.size() < self.file.size or not self.partial.is_file():
            try:
                self._ask()
                return
            except Passing as fault:
                number = number + 1 if self.size() <= furthest else 1
                furthest = max(furthest, self.size())
                self.connection.patience.pause(number, fault)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFull(
                        f"disk must have room for {self.file.path}, got none after {self.size()} bytes; what has "
                        f"arrived is kept, and the same command continues ({self.path.parent})"
                    ) from error
                raise

    def what_is_wrong(self) -> str | None:
        """What the source tells and what was received instead, or None where they agree."""
        expected, received = self.file.size, self.size()
        if expected is not None and received != expected:
            return f"{expected} bytes, got {received}"
        if self.file.digest is not None and (digest := _digest(self.partial, self.file.digest)) != self.file.digest:
            return f"the checksum {self.file.digest}, got {digest}"
        return None

    def publish(self) -> None:
        """Gives the file its name."""
        if self.size() <= _SMALL and self.file.digest is not None:
            # One that the machine loses at once is found by its checksum; waiting for the disk would take
            # longer than a small file's transfer.
            os.replace(self.partial, self.path)
        else:
            with open(self.partial, "rb") as stream:
                os.fsync(stream.fileno())
            publish(self.partial, self.path)
        self.note.forget()

    def discard(self) -> None:
        """Forgets what has arrived."""
        self.arrived(-self.size())
        self.partial.unlink(missing_ok=True)
        self.note.forget()

    def _ask(self) -> None:
        """One request for what is missing, written as it arrives."""
        have, version = self.size(), self.note.version()
        if have and version is None and self.file.digest is None:
            self.discard()  # nothing could tell that the rest belongs to the same file
            have = 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and version is not None:
            headers["If-Range"] = version
        with self.connection.answer(self.file.url, headers) as response:
            if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
                return  # all of it was there; its checksum tells whether it is right
            if response.status_code == 416 or not self._continues(response, have):
                self.discard()
                if response.status_code != 200:
                    raise Passing(f"{self.file.url} must answer with the rest of the file, got another part of it")
            self._remember(response)
            self._write(response)

    def _continues(self, response: requests.Response, have: int) -> bool:
        """Whether the body is the file from byte `have` on, of the same version as what is there."""
        if response.status_code == 200:
            return have == 0
        part, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        version = self.note.version()
        told = {version_of(response), response.headers.get("Last-Modified")} - {None}
        same = version is None or not told or version in told
        fits = self.file.size is None or total in ("*", str(self.file.size))
        return have > 0 and part.startswith(f"{have}-") and same and fits

    def _write(self, response: requests.Response) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise OSError(f"{self.file.url} must send the file as it is, got it packed by the server")
        have, length = self.size(), response.headers.get("Content-Length", "")
        whole = have + int(length) if length.isdecimal() else None
        with open(self.partial, "ab") as stream:
            for block in response.raw.stream(_BLOCK, decode_content=False):
                if self.connection.patience.stop.is_set():
                    raise Stopped
                stream.write(block)
                have += len(block)
                self.arrived(len(block))
                if self.file.size is not None and have > self.file.size:
                    return  # more than the source tells: it is not read to its end
        if whole is not None and have < whole:
            raise Passing(f"{self.file.url} must send {whole} bytes, got {have}")

    def _remember(self, response: requests.Response) -> None:
        version, length = version_of(response), response.headers.get("Content-Length", "")
        if version is None or (self.size() == 0 and length.isdecimal() and int(length) <= _SMALL):
            self.note.forget()
        else:
            self.note.write(version)
