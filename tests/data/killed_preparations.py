"""Prepares a source again and again and kills the process at random moments; prints how it went as JSON.

    python killed_preparations.py SOURCE DEST KILLS

Each run is a fork of this process, so that no time is lost on importing, and works in one process. A run that ends
before its kill makes room for a new destination. What a kill leaves behind is looked at before the next run.
"""

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from fairseq_signals.data.card import read_card, verify
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.store import Store
from manifests.wfdb_folder import main


def prepare(source: Path, dest: Path) -> None:
    with open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        main(["--source", str(source), "--dest", str(dest), "--workers", "1", "--per-shard", "16"])


def run(source: Path, dest: Path, seconds: float | None) -> bool:
    """Whether the preparation ended by itself before it was killed."""
    child = os.fork()
    if child == 0:
        try:
            prepare(source, dest)
            os._exit(0)
        finally:
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the preparation must succeed, got exit status {os.WEXITSTATUS(status)}")
    return os.WIFEXITED(status)


def look(dest: Path) -> None:
    """Everything that stands under its final name must be whole."""
    if (dest / "store").is_dir():
        store = Store(dest / "store")
        for shard in store.shards():
            store.index(shard)
    for manifest in dest.glob("*.tsv"):
        if manifest.name not in ("rejected.tsv", "warnings.tsv"):
            Manifest(manifest).check()
    if read_card(dest):
        verify(dest, progress=False)


def kill_often(source: Path, dest: Path, kills: int) -> dict[str, int]:
    begin = time.perf_counter()
    run(source, dest / "whole", None)
    duration, draws = time.perf_counter() - begin, random.Random(1)
    done = {"killed": 0, "finished": 0}
    while done["killed"] < kills:
        place = dest / f"attempt{done['finished']}"
        finished = run(source, place, draws.uniform(0, duration))
        done["finished" if finished else "killed"] += 1
        look(place)
    last = dest / f"attempt{done['finished']}"
    run(source, last, None)
    return done | {"attempts": done["finished"] + 1}


if __name__ == "__main__":
    print(json.dumps(kill_often(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
