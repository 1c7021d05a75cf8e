"""Files that appear whole or not at all: written beside their place, made durable, then renamed.

A process killed at any moment leaves either the old file, the new one, or a `.partial` that nobody reads.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def partial_path(path: Path) -> Path:
    """Where `path` is written before it is whole; host and process id keep writers apart."""
    return path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.partial")


def publish(partial: Path, path: Path) -> None:
    """Renames a finished, flushed file into place and makes the rename durable."""
    os.replace(partial, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def written_whole(path: Path, mode: str = "wb") -> Iterator[IO]:
    """An open file that takes its name only when the block ends without an exception."""
    partial = partial_path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(partial, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)
