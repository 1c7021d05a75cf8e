"""One process at a time in the folder of a training, and nobody in a pre-training's while another starts from it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = "lock"


class JobFailed(RuntimeError):
    """A training or its scoring ended with an error; the message holds the last lines of its output."""


@contextmanager
def held(folder: Path, name: str, shared: bool = False) -> Iterator[IO]:
    """The open lock of a training's folder.

    A command that is given the file (`pass_fds`) holds the lock as well: where this process is killed and the command
    lives on, nobody else enters the folder before it has ended. A kill of both leaves no lock behind.

    Args:
        folder: of the training; made where there is none.
        name: of the training, for the message.
        shared: hold it together with others who only read there.

    Raises:
        JobFailed: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            use = "being run" if shared else "being run, or started from,"
            raise JobFailed(f"{name} is {use} by another process ({folder / LOCK})") from error
        try:
            yield file
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # also where a process of the command's outlives it
