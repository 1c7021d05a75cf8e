"""The quickstart in its smallest form: once, again, with other settings, and with one's own recordings."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def quickstart(*options) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "scripts" / "quickstart.py"), "--leads", "2", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def table(folder: Path) -> list[tuple[str, ...]]:
    with open(folder / "results.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == ["task", "leads", "init", "metric", "value"]
    return [tuple(row.values())[:4] for row in rows]


def test_once_again_and_with_other_settings(tmp_path):
    small = ["--dest", tmp_path / "run", "--patients", 40, "--pretrain-updates", 2]
    quickstart(*small, "--updates", 10)
    kinds = [("diagnosis", "cinc_score"), ("diagnosis", "macro_auc"), ("identification", "rank1")]
    expected = {(task, "2", init, metric) for task, metric in kinds for init in ("pretrained", "random")}
    rows = table(tmp_path / "run")
    assert len(rows) == len(expected) and set(rows) == expected
    for picture in ("results", "pretraining", "diagnosis", "ecg", "ecg_masked"):
        assert (tmp_path / "run" / f"{picture}.png").stat().st_size > 10_000

    def stamps():
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("checkpoint_last.pt")}

    trained = stamps()
    quickstart(*small, "--updates", 10)
    assert stamps() == trained  # what is done is not done again
    shutil.rmtree(tmp_path / "run" / "identification/random_init/P-2/seed1")
    quickstart(*small, "--updates", 11)
    again = stamps()
    assert again.pop(tmp_path / "run/pretraining/w2v_cmsc_rlm/12/seed1/checkpoint_last.pt") == trained.pop(
        tmp_path / "run/pretraining/w2v_cmsc_rlm/12/seed1/checkpoint_last.pt"
    )
    assert again.keys() == trained.keys() and all(again[path] > trained[path] for path in again)


def test_recordings_without_patients_leave_identification_out(tmp_path, ecg_data):
    source = tmp_path / "own"
    shutil.copytree(ecg_data.parent / "recordings", source)
    for header in source.rglob("*.hea"):
        lines = header.read_text().splitlines(keepends=True)
        header.write_text("".join(line for line in lines if not line.lower().startswith("#patient")))
    out = quickstart("--data", source, "--dest", tmp_path / "run", "--pretrain-updates", 2, "--updates", 2)
    assert "identification is left out: the data has no gallery.tsv, probe.tsv" in out
    assert {row[0] for row in table(tmp_path / "run")} == {"diagnosis"}
