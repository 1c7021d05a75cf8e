"""The thin entry point for robustness, run as a user runs it, on models with random weights."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
import yaml

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.evaluation.auc import macro_auc

ROOT = Path(__file__).parents[2]


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "scripts" / "robustness.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def checkpoints(fairseq_parts, ecg_data, arguments, tmp_path_factory):
    """Two diagnosis models with random weights, which average windows of 2.5 s every 1.25 s."""
    from omegaconf import OmegaConf

    folder, paths = tmp_path_factory.mktemp("models"), []
    tiling = ["--window-seconds", "2.5", "--stride-seconds", "1.25"]
    for seed in (1, 2):
        given = [*arguments["diagnosis"], *arguments["random"], *tiling, "--seed", seed]
        cfg, _, model, _ = fairseq_parts(ecg_data, *given)
        torch.nn.init.normal_(_last(model.head).weight)
        paths.append(folder / f"seed{seed}.pt")
        torch.save({"cfg": OmegaConf.to_container(cfg), "model": model.state_dict()}, paths[-1])
    return paths


@pytest.fixture(scope="module")
def script():
    """The entry point as a module, for arguments that are answered without a process of their own."""
    found = importlib.util.spec_from_file_location("robustness_script", ROOT / "scripts" / "robustness.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _last(head):
    return [part for part in head.modules() if isinstance(part, torch.nn.Linear)][-1]


def test_table_and_picture_are_written(checkpoints, ecg_data, tmp_path):
    from fairseq_signals.inference import TrainedModel

    one, two = checkpoints
    output = tmp_path / "new"
    asked = ["--levels", "0,6", "--positives", "1,2", "--batch-size", "7", "--output", output]
    done = run(f"random={one}", f"random={two}", f"one={one}", "--data", ecg_data, *asked)
    assert done.returncode == 0, done.stderr
    with open(output / "robustness.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["model"], row["level"], row["min_positives"]) for row in rows] == [
        (name, level, enough) for name in ("random", "one") for level in ("0", "6") for enough in ("1", "2")
    ]
    models = [TrainedModel(path) for path in checkpoints]
    assert (models[0].window_seconds, models[0].stride_seconds) == (2.5, 1.25)
    labels, known = label_matrix(Manifest(ecg_data / "test.tsv"), models[0].classes)
    expected = [macro_auc(labels, model.predict(ecg_data / "test.tsv", progress=False), known) for model in models]
    assert [float(value) for value in rows[0]["runs"].split(",")] == pytest.approx(expected, abs=1e-5)
    assert float(rows[0]["macro_auc"]) == pytest.approx(np.mean(expected), abs=1e-5)
    assert rows[2]["runs"] != rows[0]["runs"] and rows[4]["runs"] == rows[0]["runs"].split(",")[0]
    assert float(rows[2]["snr_db"]) < 0 and rows[2]["snr_db"] == rows[6]["snr_db"]
    assert matplotlib.image.imread(output / "robustness.png").std() > 0
    assert "random\tlevel 6" in done.stdout and "(2 runs)" in done.stdout and "recording" in done.stderr


def test_a_wrong_argument_ends_in_one_clear_sentence(ecg_data, tmp_path):
    done = run(f"a={tmp_path / 'none.pt'}", "--data", ecg_data, "--output", tmp_path)
    assert done.returncode == 2 and "checkpoint must be a file, got none at" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "models, more, answer",
    [
        (["{one}"], [], "model must be LABEL=CHECKPOINT, got"),
        (["a={one}", "b={turned}"], [], "models must diagnose the same classes in the same order, got"),
        (["a={one}"], ["--subset", "tset"], r"subset must be a manifest in .*test.*, got 'tset'"),
        (["a={one}"], ["--device", "gpu"], "device must be one of this machine, such as cpu, got 'gpu'"),
        (["a={one}"], ["--levels", "0,7"], "level of noise must be one of 0, 1, 2, 3, 4, 5, 6, got 7"),
    ],
)
def test_what_cannot_be_scored_is_refused(checkpoints, ecg_data, tmp_path, script, capsys, models, more, answer):
    state = torch.load(checkpoints[0], weights_only=True)
    state["cfg"]["task"]["classes"].reverse()
    torch.save(state, tmp_path / "turned.pt")
    given = [text.format(one=checkpoints[0], turned=tmp_path / "turned.pt") for text in models]
    with pytest.raises(SystemExit, match="2"):
        script.main([*given, "--data", str(ecg_data), "--output", str(tmp_path / "new"), *more])
    assert re.search(f"^error: {answer}", capsys.readouterr().err, re.MULTILINE)
    assert not (tmp_path / "new").exists()


def test_other_units_than_those_of_noise_and_training_are_refused(checkpoints, ecg_data, tmp_path, script, capsys):
    other = tmp_path / "other"
    other.mkdir()
    card = yaml.safe_load((ecg_data / "dataset.yaml").read_text())
    (other / "dataset.yaml").write_text(yaml.safe_dump(card | {"units": "as given, not calibrated", "source": "x"}))
    state = torch.load(checkpoints[0], weights_only=True)
    torch.save(state | {"task_state": {"units": "as given, not calibrated, source x"}}, tmp_path / "trained.pt")
    for model, data, answer in (
        (checkpoints[0], other, "data must be in mV, as the noise is, got amplitudes as given, not calibrated"),
        (tmp_path / "trained.pt", ecg_data, "models must be of the data's units, but units of the amplitudes [(]mV[)]"),
    ):
        with pytest.raises(SystemExit, match="2"):
            script.main([f"a={model}", "--data", str(data), "--output", str(tmp_path / "new")])
        assert re.search(f"^error: {answer}", capsys.readouterr().err, re.MULTILINE)
