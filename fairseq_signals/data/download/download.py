"""All files of a source into a folder: several at a time, resumed, verified, unpacked, with one progress bar."""

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.download.archives import is_archive, unpack
from fairseq_signals.data.download.connection import Connection, LoginWanted, Stopped
from fairseq_signals.data.download.listing import RemoteFile, list_files
from fairseq_signals.data.download.origin import Origin
from fairseq_signals.data.download.transfer import DiskFull, WrongBytes, fetch, is_whole

_SUMS = "SHA256SUMS.txt"
_HOPELESS = 10  # files that cannot be had, one after the other, before nothing more is tried


@dataclass
class Downloaded:
    """What was done.

    Attributes:
        files: that were asked for.
        size: their bytes.
        fetched: that were not whole before.
        unpacked: files that came out of archives.
    """

    files: int = 0
    size: int = 0
    fetched: int = 0
    unpacked: int = 0


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
                with written_whole(dest / _SUMS) as file:
                    file.write(sums.pop())
            done = _Crew(files, dest, connection, workers, progress).run()
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


@dataclass
class _Crew:
    """Threads that take one file after the other from a common list."""

    files: list[RemoteFile]
    dest: Path
    connection: Connection
    workers: int
    progress: bool
    failed: dict[str, OSError | ValueError] = field(default_factory=dict)
    in_a_row: int = 0
    done: Downloaded = field(default_factory=Downloaded)

    def run(self) -> Downloaded:
        """Fetches everything.

        Raises:
            OSError, ValueError: some files could not be had; all are named by number, the first ones by name.
        """
        self.lock, stop = threading.Lock(), self.connection.patience.stop
        self.bar = tqdm(total=self._known(), unit="B", unit_scale=True, smoothing=0.05, disable=not self.progress)
        self.bar.set_postfix_str(f"0/{len(self.files)} files")
        self.connection.patience.tell = lambda sentence: self.progress and self.bar.write(sentence)
        queue = iter(self.files)
        with self.bar, ThreadPoolExecutor(self.workers) as pool:
            try:
                crew = [pool.submit(self._work, queue) for _ in range(self.workers)]
                ended, _ = wait(crew, return_when=FIRST_EXCEPTION)
            except KeyboardInterrupt:
                stop.set()
                raise
            if any(one.exception() for one in ended):
                stop.set()
        faults = [one.exception() for one in crew]
        for fault in faults:
            if fault is not None and not isinstance(fault, Stopped):
                raise fault
        if self.done.files < len(self.files):
            self._complain()
        return self.done

    def _known(self) -> int | None:
        return sum(one.size for one in self.files) if all(one.size is not None for one in self.files) else None

    def _work(self, queue: Iterator[RemoteFile]) -> None:
        while not self.connection.patience.stop.is_set():
            with self.lock:
                file = next(queue, None)
            if file is None:
                return
            path = self.dest / file.path
            try:
                if fresh := not is_whole(file, path):
                    self._check_room(file)
                    fetch(file, self.dest, self.connection, self._arrived)
                else:
                    self._arrived(path.stat().st_size)
                self._finished(path.stat().st_size, fresh)
            except (LoginWanted, DiskFull):
                raise
            except (OSError, ValueError) as error:
                self._note(file, error)

    def _check_room(self, file: RemoteFile) -> None:
        free = shutil.disk_usage(self.dest).free
        if file.size is not None and file.size > free + self._begun(file):
            raise DiskFull(
                errno.ENOSPC, f"disk must have room for {file.size} bytes of {file.path}, got {free} free ({self.dest})"
            )

    def _begun(self, file: RemoteFile) -> int:
        partial = self.dest / f"{file.path}.partial"
        return partial.stat().st_size if partial.is_file() else 0

    def _arrived(self, count: int) -> None:
        with self.lock:
            self.bar.update(count)

    def _finished(self, size: int, fresh: bool) -> None:
        with self.lock:
            self.in_a_row = 0
            self.done.files += 1
            self.done.size += size
            self.done.fetched += fresh
            self.bar.set_postfix_str(f"{self.done.files}/{len(self.files)} files", refresh=False)

    def _note(self, file: RemoteFile, error: OSError | ValueError) -> None:
        with self.lock:
            self.failed[file.path] = error
            self.in_a_row += 1
            if self.in_a_row >= _HOPELESS:
                self.connection.patience.stop.set()

    def _complain(self) -> None:
        some = "; ".join(f"{error}" for error in list(self.failed.values())[:3]) or "the download was stopped"
        text = (
            f"{len(self.files)} files must arrive whole, got {self.done.files}; {len(self.failed)} could not be had. "
            f"The same command tries them again. First: {some}"
        )
        wrong = self.failed and all(isinstance(error, WrongBytes) for error in self.failed.values())
        raise (ValueError if wrong else OSError)(text)


def _unpacked(files: Sequence[RemoteFile], dest: Path, progress: bool) -> int:
    taken, count = {one.path for one in files}, 0
    archives = [one.path for one in files if is_archive(one.path)]
    with tqdm(unit="B", unit_scale=True, desc="unpacking", disable=not progress or not archives) as bar:
        for number, name in enumerate(archives, start=1):
            bar.set_postfix_str(f"{name}, {number}/{len(archives)}")
            count += unpack(dest / name, dest, taken, bar.update)
    return count
