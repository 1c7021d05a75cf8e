"""Trainings of a real study in miniature: run, stopped, gone on with, listed, collected, sent through Hydra."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from fairseq_signals.experiments.command_line import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

TINY = """
extends: study.yaml
seeds: [1]
data: {{pretraining: {data}, diagnosis: {data}, identification: {data}}}
settings:
  pretraining: [size=tiny, dataset.batch_size=8, dataset.num_workers=0, optimization.max_update={updates}]
  finetuning: [machine=cpu, dataset.batch_size=8, dataset.num_workers=0, optimization.max_update=2]
tasks:
  identification: {{settings: ["lr_scheduler.phase_ratio=[0.5,0.0,0.5]"]}}
methods:
  random_init: {{finetuning: [start=random_init, model.encoder._name=wav2vec2_tiny]}}
"""


@pytest.fixture
def study(write_study, ecg_data):
    def make(updates: int = 2) -> str:
        write_study()
        return str(write_study(TINY.format(data=ecg_data, updates=updates), name="tiny.yaml"))

    return make


def stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("checkpoint_best.pt")}


def test_run_again_with_other_settings_and_collect(study, ecg_data, tmp_path, capsys):
    dest, path = tmp_path / "runs", study()
    selection = ["--tables", "padded", "--columns", "P-2", "--tasks", "identification", "--dest", str(dest)]
    selection += ["--data", str(ecg_data), "--finetuning", "common.log_interval=7"]
    assert main(["run", path, *selection]) == 0
    printed = capsys.readouterr().out
    assert "4 trained or scored, 0 done before, 0 failed" in printed
    trained = stamps(dest)
    assert len(trained) == 3  # a pre-training and two rows; the descriptor trains nothing
    assert main(["run", path, *selection]) == 0
    assert "0 trained or scored, 4 done before" in capsys.readouterr().out and stamps(dest) == trained

    assert main(["list", path, *selection, "--machine", "cpu_core"]) == 0
    listed = capsys.readouterr().out
    assert listed.count(" done ") == 4 and "0.0 of them still to do" in listed

    # Collected by the command that running printed: other data or settings would be refused.
    collecting = shlex.split(printed.partition("next: ")[2])
    assert collecting[0] == "scripts/experiments.py" and main(collecting[1:]) == 0
    text = (dest / "tables" / "padded.txt").read_text()
    scores = json.loads((dest / "identification/cmsc/P-2/seed1/metrics_probe.json").read_text())
    assert scores["leads"] == ["I", "II"] and f"{scores['rank1']:.3f}" in text
    assert (dest / "tables" / "padded.png").stat().st_size > 10_000
    line = next(line for line in (dest / "tables/tables.tsv").read_text().splitlines() if "\tcmsc\tident" in line)
    assert line.split("\t")[:6] == ["padded", "cmsc", "identification", "P-2", "rank1", "1"]
    assert float(line.split("\t")[6]) == pytest.approx(scores["rank1"], abs=1e-6)

    # One setting of the pre-training changed: everything that starts from it is another training, too.
    main(["run", study(updates=3), *selection, "--rows", "cmsc"])
    refused = capsys.readouterr()
    assert "optimization.max_update was 2, is 3" in refused.out + refused.err and stamps(dest) == trained
    main(["run", study(updates=3), *selection, "--rows", "cmsc", "--overwrite"])
    again = stamps(dest)
    changed = {file.relative_to(dest).parts[:2] for file in again if again[file] != trained[file]}
    assert changed == {("pretraining", "cmsc"), ("identification", "cmsc")}


def test_a_killed_study_goes_on_where_it_was(study, tmp_path):
    dest, path = tmp_path / "runs", study(updates=40)
    command = [sys.executable, str(ROOT / "scripts" / "experiments.py"), "run", path, "--dest", str(dest)]
    command += ["--tables", "own", "--columns", "12", "--pretraining", "checkpoint.save_interval_updates=5"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    folder = dest / "pretraining/cmsc/12/seed1"
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not (folder / "checkpoint_last.pt").is_file():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "trained.json").exists()
    (folder / "checkpoint_last.pt").write_bytes((folder / "checkpoint_last.pt").read_bytes()[:1000])  # torn

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (folder / "train.log").read_text()
    assert log.count("$ ") == 2 and "Loaded checkpoint" in log
    state = torch.load(folder / "checkpoint_last.pt", weights_only=True)
    assert state["optimizer_history"][-1]["num_updates"] == 40
    assert (dest / "diagnosis/cmsc/12/seed1/metrics_test.json").is_file()


def test_a_failing_training_says_which_and_why(study, tmp_path, capsys):
    arguments = ["run", study(), "--tables", "own", "--columns", "12", "--dest", str(tmp_path / "runs")]
    assert main([*arguments, "--finetuning", "task.threshold=high"]) == 1
    out = capsys.readouterr().out
    assert "1 trained or scored, 0 done before, 1 failed" in out and "threshold" in out
    assert "diagnosis/cmsc/12/seed1" in out and "train.log" in out


def test_hydras_launchers_run_the_same_jobs(study, tmp_path):
    dest, path = tmp_path / "runs", study()
    launcher = "submitit_local" if find_spec("hydra_plugins.hydra_submitit_launcher") else "basic"
    options = ["--launcher-options", "hydra.launcher.timeout_min=10"] if launcher == "submitit_local" else []
    command = [sys.executable, str(ROOT / "scripts" / "experiments.py"), "run", path, "--dest", str(dest)]
    command += ["--tables", "own", "--columns", "12", "--launcher", launcher, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (dest / "pretraining/cmsc/12/seed1/trained.json").is_file()
    assert (dest / "diagnosis/cmsc/12/seed1/metrics_test.json").is_file()
