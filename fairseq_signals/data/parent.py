"""Worker processes that end with the run they work for, instead of waiting for more or writing into the next."""

import os
import threading
import time
from functools import cache


def _is_orphaned(parent: int | None) -> bool:
    # A cluster's workers belong to somebody else: None, and nobody's child is an orphan.
    return parent is not None and os.getpid() != parent and os.getppid() != parent


def stop_if_orphaned(parent: int | None) -> None:
    """Ends this process when it is not its parent's worker any more.

    Args:
        parent: process id of the run, or None for workers of a cluster, which belong to nobody.
    """
    # A worker outlives a killed parent for a while; it must not write into what a new run has begun.
    if _is_orphaned(parent):
        raise SystemExit("the preparation that this process worked for has ended")


@cache
def leave_with(parent: int | None) -> None:
    """Ends this worker soon after its parent; otherwise it would wait for more work for minutes."""

    def watch() -> None:
        while not _is_orphaned(parent):
            time.sleep(1)
        os._exit(1)

    if parent is not None and os.getpid() != parent:
        threading.Thread(target=watch, daemon=True).start()
