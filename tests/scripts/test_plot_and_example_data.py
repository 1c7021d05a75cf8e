"""The two thin entry points, run as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_example_data_is_made_and_drawn(tmp_path):
    made = run("make_example_data.py", "--dest", tmp_path / "ecg", "--patients", 1, "--rate", 100)
    assert made.returncode == 0, made.stderr
    headers = sorted((tmp_path / "ecg" / "g1").glob("*.hea"))
    assert f"{len(headers)} recordings of 1 synthetic patients" in made.stdout and len(headers) >= 2
    drawn = run("plot.py", headers[0].with_suffix(""), "--output", tmp_path / "ecg.png", "--mask", "V1,V2")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "ecg.png").read_bytes()[:4] == b"\x89PNG"


def test_absurd_arguments_end_in_one_clear_sentence(tmp_path):
    made = run("make_example_data.py", "--dest", tmp_path / "ecg", "--patients", 0)
    assert made.returncode == 2 and "patients must be 1 to 99999" in made.stderr
    assert "Traceback" not in made.stderr and not (tmp_path / "ecg").exists()
    drawn = run("plot.py", tmp_path / "none", "--output", tmp_path / "a.png")
    assert drawn.returncode == 2 and "Traceback" not in drawn.stderr and "none" in drawn.stderr
