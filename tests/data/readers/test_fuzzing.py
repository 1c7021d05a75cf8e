"""Damaged files, in small; `python -m tests.data.readers.fuzzing --number 20000` is the same in large."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.data.record import Record
from tests.data.readers import fuzzing

ROOT = Path(__file__).parents[3]


def test_damaged_files_are_read_or_refused_and_nothing_else():
    command = [sys.executable, "-m", "tests.data.readers.fuzzing", "--number", "700", "--seed", "100000"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0 and run.stdout.endswith("700 inputs, 0 wrong\n"), run.stdout + run.stderr[-2000:]
    counts = [line.split(": ")[1] for line in run.stdout.splitlines()[:-1]]
    assert len(counts) >= 18 and not any(count.startswith("0 read, 0 refused") for count in counts)


def _secret(path):
    (path.parent.parent / "secret").read_text()


def _mute(path):
    raise ValueError("something is wrong somewhere")


def _broken(path):
    raise KeyError("x")


FAILURES = {
    "opened ": _secret,
    "does not say where": _mute,
    "KeyError": _broken,
    "Late": lambda path: time.sleep(5),
    "MemoryError": lambda path: np.ones(2**60, np.int8),
}


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "source").mkdir()
    (folder / "secret").write_text("x")
    return folder / "source" / "a.bin", fuzzing.Watch(folder / "source")


@pytest.mark.parametrize("outcome", FAILURES)
def test_what_must_not_happen_is_noticed(watch, monkeypatch, outcome):
    def read(path, **stated):
        FAILURES[outcome](path)
        return Record(np.zeros((1, 5), np.float32), 1.0, ("I",), "a")

    monkeypatch.setattr(fuzzing, "read_record", read)
    monkeypatch.setattr(fuzzing, "SECONDS", 1)
    before = fuzzing.signal.signal(fuzzing.signal.SIGALRM, fuzzing._late)
    try:
        assert fuzzing._read(watch[0], {}, watch[1]).startswith(outcome)
    finally:
        fuzzing.signal.signal(fuzzing.signal.SIGALRM, before)
