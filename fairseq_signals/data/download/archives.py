"""Archives unpacked beside themselves, member by member, each whole or not at all.

Members never leave the folder, never replace what the source publishes under the same name, and are never larger than
the archive's directory says; links and devices are refused. What was unpacked before is compared and kept. Folders
and hidden files that macOS adds (`__MACOSX/`, `.DS_Store`) are left out.
"""

import errno
import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fairseq_signals.data.atomic import publish
from fairseq_signals.data.download.inside import PARTIAL, path_inside

_BLOCK = 1 << 20
_MOST_EXPANSION = 200  # no real signal packs better; an archive that claims to is a trap
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError)
_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")


def is_archive(name: str) -> bool:
    """Whether a file is to be unpacked, by its name."""
    return name.lower().endswith(_ENDINGS)


def unpack(
    archive: Path, dest: Path, taken: Collection[str] = (), advanced: Callable[[int], None] = lambda count: None
) -> int:
    """Unpacks an archive into a folder and returns the number of its files.

    Args:
        archive: a zip or tar file, packed or not, told by its content.
        dest: the folder.
        taken: paths that members must not have.
        advanced: called with the bytes that were written or compared.

    Raises:
        ValueError: the archive is damaged, or a member is not as the module's head tells; names both.
        OSError: there is no room.
    """
    opened = _zip_members if zipfile.is_zipfile(archive) else _tar_members
    count = 0
    try:
        with opened(archive) as members:
            for name, size, stream in members:
                path = path_inside(name, str(archive))
                if path.parts[0] == "__MACOSX" or path.name == ".DS_Store" or path.name.startswith("._"):
                    continue
                if str(path) in taken:
                    raise ValueError(f"member must not replace a published file, got {name} ({archive})")
                with stream() as source:
                    _place(source, dest / path, size, f"{name}, {archive}", advanced)
                count += 1
    except _DAMAGE as error:
        raise ValueError(f"archive must be whole, got {type(error).__name__}: {error} ({archive})") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            f"disk must have room for what is in {archive.name}, got none after {count} files; what is unpacked is "
            f"kept, and the same command continues ({dest})"
        ) from error
    return count


_Members = Iterator[tuple[str, int, Callable[[], IO[bytes]]]]


@contextmanager
def _zip_members(archive: Path) -> Iterator[_Members]:
    with zipfile.ZipFile(archive) as file:
        files = [info for info in file.infolist() if not info.is_dir()]
        for info in files:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG) or info.flag_bits & 1:
                raise ValueError(
                    f"member must be a plain file, got a link or a locked one: {info.filename} ({archive})"
                )
        _check_room(sum(info.file_size for info in files), archive)
        yield ((info.filename, info.file_size, lambda info=info: file.open(info)) for info in files)


@contextmanager
def _tar_members(archive: Path) -> Iterator[_Members]:
    with tarfile.open(archive, "r:*") as file:  # by content: a published .tar.gz may be a plain .tar
        yield _plain_members(file, archive)


def _plain_members(file: tarfile.TarFile, archive: Path) -> _Members:
    total = 0
    for info in file:
        if info.isdir():
            continue
        if not info.isreg():
            raise ValueError(f"member must be a plain file, got a link or a device: {info.name} ({archive})")
        total += info.size
        _check_room(total, archive)
        yield info.name.removeprefix("./"), info.size, lambda info=info: file.extractfile(info)
    while file.fileobj.read(_BLOCK):  # the checksum of a packed archive stands at its very end
        pass


def _check_room(total: int, archive: Path) -> None:
    most = _MOST_EXPANSION * archive.stat().st_size
    if total > most:
        raise ValueError(f"archive must unpack to at most {most} bytes, got {total} in its directory ({archive})")


def _place(source: IO[bytes], path: Path, size: int, where: str, advanced: Callable[[int], None]) -> None:
    if path.is_file() and path.stat().st_size == size and _equal(source, path, advanced):
        return
    if source.tell():
        source.seek(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with open(partial, "wb") as file:
            shutil.copyfileobj(_Counted(source, size, where, advanced), file, _BLOCK)
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


class _Counted:
    """A stream that must give exactly `size` bytes."""

    def __init__(self, stream: IO[bytes], size: int, where: str, advanced: Callable[[int], None]):
        self._stream, self._left, self._where, self._advanced = stream, size, where, advanced

    def read(self, count: int) -> bytes:
        block = self._stream.read(count)
        self._left -= len(block)
        self._advanced(len(block))
        if self._left < 0 or (not block and self._left):
            raise ValueError(f"member must have the size that the directory tells, got another ({self._where})")
        return block


def _equal(source: IO[bytes], path: Path, advanced: Callable[[int], None]) -> bool:
    with open(path, "rb") as file:
        while block := source.read(_BLOCK):
            if file.read(len(block)) != block:
                return False
            advanced(len(block))
        return not file.read(1)
