"""Threads that bring many files at once: how many arrived, which could not be had, and when nothing more is tried."""

import errno
import shutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from fairseq_signals.data.download.connection import Connection, LoginWanted, Stopped
from fairseq_signals.data.download.inside import PARTIAL
from fairseq_signals.data.download.listing import RemoteFile
from fairseq_signals.data.download.transfer import DiskFull, WrongBytes, fetch, is_whole

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


@dataclass
class Crew:
    """Threads that take one file after the other from a common list.

    Attributes:
        files, dest: what is fetched, and into which folder.
        connection: to the servers; its `patience.stop` ends everything.
        workers: number of threads.
        progress: show a bar.
        done: what has arrived.
        failed: what could not be had and why, by path; `in_a_row`: how many of them since the last that could.
        lock: for all that threads change together, the bar included.
    """

    files: list[RemoteFile]
    dest: Path
    connection: Connection
    workers: int
    progress: bool
    done: Downloaded = field(default_factory=Downloaded, init=False)
    failed: dict[str, OSError | ValueError] = field(default_factory=dict, init=False)
    in_a_row: int = field(default=0, init=False)
    lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def run(self) -> Downloaded:
        """Fetches everything.

        Raises:
            OSError, ValueError: some files could not be had; all are named by number, the first ones by name.
        """
        stop = self.connection.patience.stop
        self.bar = tqdm(total=self._known(), unit="B", unit_scale=True, smoothing=0.05, disable=not self.progress)
        self.bar.set_postfix_str(f"0/{len(self.files)} files")
        # Many threads meet the same short faults; only what a person would notice is told.
        self.connection.patience.quiet = 5.0
        self.connection.patience.tell = lambda sentence: self.progress and self.bar.write(sentence, file=sys.stderr)
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
        partial = self.dest / f"{file.path}{PARTIAL}"
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
        some = "; ".join(map(str, list(self.failed.values())[:3])) or "the download was stopped"
        text = (
            f"{len(self.files)} files must arrive whole, got {self.done.files}; {len(self.failed)} could not be had. "
            f"The same command tries them again. First: {some}"
        )
        wrong = self.failed and all(isinstance(error, WrongBytes) for error in self.failed.values())
        raise (ValueError if wrong else OSError)(text)
