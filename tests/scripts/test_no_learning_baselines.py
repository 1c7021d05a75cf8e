"""The thin entry point for baselines, run as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "scripts" / "no_learning_baselines.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_scores_are_printed_and_written(ecg_data, tmp_path):
    done = run("--data", ecg_data, "--task", "identification", "--leads", "2", "--results-path", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "new" / "metrics_probe.json").read_text())
    printed = dict(line.split("\t") for line in done.stdout.splitlines())
    assert float(printed["rank1"]) == pytest.approx(written["rank1"], abs=1e-3)
    assert written["leads"] == ["I", "II"] and "median_beat of gallery and probe" in done.stderr


def test_a_wrong_argument_ends_in_one_clear_sentence(ecg_data):
    blind = run("--data", ecg_data, "--task", "identification", "--descriptor", "prevalence")
    assert blind.returncode == 2 and "descriptor must be one of median_beat" in blind.stderr
    lost = run("--data", ecg_data / "none", "--task", "diagnosis")
    assert lost.returncode == 2 and "subset must be a manifest in" in lost.stderr
    assert "Traceback" not in blind.stderr + lost.stderr
