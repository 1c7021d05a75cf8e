"""All files of a source into a folder: several at a time, resumed, verified, unpacked, with one progress bar."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.checksums import LIST_NAME
from fairseq_signals.data.download.archives import is_archive, unpack
from fairseq_signals.data.download.connection import Connection, LoginWanted
from fairseq_signals.data.download.crew import Crew, Downloaded
from fairseq_signals.data.download.listing import RemoteFile, list_files
from fairseq_signals.data.download.origin import Origin


def chosen_files(files: Sequence[RemoteFile], patterns: Sequence[str]) -> list[RemoteFile]:
    """Those whose path fits one of the patterns (`records500/*`; `*` also stands for `/`), or all without patterns.

    Raises:
        ValueError: a pattern fits none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(one.path, pattern) for one in files):
            some = ", ".join(one.path for one in files[:3])
            raise ValueError(f"pattern must fit a file, such as {some}, got {pattern!r} (--only)")
    return [one for one in files if not patterns or any(fnmatchcase(one.path, pattern) for pattern in patterns)]


def download(
    origin: Origin,
    dest: Path,
    workers: int = 8,
    only: Sequence[str] = (),
    mirror: bool = False,
    connection: Connection | None = None,
    progress: bool = True,
) -> Downloaded:
    """Brings the files of a source to a folder; what is whole there is verified and not fetched.

    Args:
        origin: of the source.
        dest: the folder, made where it is missing.
        workers: files under way at the same time.
        only: patterns; without any, all files.
        mirror: take the files from the source's mirror.
        connection: to the servers.
        progress: show a bar.

    Raises:
        ValueError: the source must be signed for, its list or a file is not what it should be, or `dest` is in use.
        OSError: files cannot be had, or there is no room; what has arrived is kept.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers} (--workers)")
    if origin.kind == "sign":
        raise ValueError(f"files must be signed for by a person, got {origin.source}, which is so. {origin.sign}")
    connection = connection or Connection()
    try:
        sums: list[bytes] = []
        files = chosen_files(list_files(origin, connection, mirror, sums.append), only)
        with _held(dest):
            if sums:
                with written_whole(dest / LIST_NAME) as file:
                    file.write(sums.pop())
            done = Crew(files, dest, connection, workers, progress).run()
            if origin.unpack:
                done.unpacked = _unpacked(files, dest, progress)
    except LoginWanted as error:
        raise OSError(f"{error}. {origin.refused or f'See {origin.page}'}") from error
    return done


@contextmanager
def _held(dest: Path) -> Iterator[None]:
    if dest.exists() and not dest.is_dir():
        raise ValueError(f"dest must be a folder, got the file {dest}")
    dest.mkdir(parents=True, exist_ok=True)
    lock = os.open(dest, os.O_RDONLY)  # the folder itself, so that nothing is left in it
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"dest must be free, got {dest}, into which another process is downloading") from None
        yield
    finally:
        os.close(lock)


def _unpacked(files: Sequence[RemoteFile], dest: Path, progress: bool) -> int:
    taken, count = {one.path for one in files}, 0
    archives = [one.path for one in files if is_archive(one.path)]
    with tqdm(unit="B", unit_scale=True, desc="unpacking", disable=not progress or not archives) as bar:
        for number, name in enumerate(archives, start=1):
            bar.set_postfix_str(f"{name}, {number}/{len(archives)}")
            count += unpack(dest / name, dest, taken, bar.update)
    return count
