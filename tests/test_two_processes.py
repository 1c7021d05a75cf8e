"""The installed commands on two processes: what they train and score is what one process does."""

import csv
import json
import math
import shutil
import socket
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ["--user-dir", "tests/plugins/two_processes"]


@pytest.fixture(scope="module")
def together(start_command):
    """Runs a command as one process, or as two gloo processes."""

    def run(processes, name, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        shared = ["--distributed-init-method", address, "--distributed-world-size", processes]
        shared += ["--distributed-no-spawn", "--distributed-backend", "gloo", "--ddp-backend", "legacy_ddp"]
        ranks = [[*shared, "--distributed-rank", rank] for rank in range(processes)] if processes > 1 else [[]]
        started = [start_command(name, *arguments, *rank, path=ROOT) for rank in ranks]
        outputs = [process.communicate(timeout=200) for process in started]
        for process, (out, err) in zip(started, outputs, strict=True):
            assert process.returncode == 0, out[-2000:] + err[-2000:]
        return outputs[0][0]

    return run


@pytest.fixture(scope="module")
def few(ecg_data, tmp_path_factory):
    """The same data with `pretrain.tsv` of eight recordings and `valid.tsv` of five, two of them without labels."""
    folder = tmp_path_factory.mktemp("few")
    shutil.copytree(ecg_data, folder / "data")
    for name, rows in (("pretrain", 8), ("valid", 5)):
        path = folder / "data" / f"{name}.tsv"
        lines = [line.split("\t") for line in path.read_text().splitlines()[: rows + 1]]
        if name == "valid":
            for line in lines[-2:]:
                line[lines[0].index("labels")] = "-"
        path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    return folder / "data"


def test_training_on_halves_equals_training_on_the_whole(together, few, arguments, tmp_path):
    method = ["--criterion", "w2v_cmsc", "--views", "adjacent", "--encoder", "quiet_tiny", "--optimizer", "nag"]
    method += ["--span-probability", 0, "--negatives", 0, "--target-dropout", 0, "--disable-validation"]
    run = [few, *arguments["pretraining"], *PLUGIN, *method, "--max-update", 2, "--lr", "0.05", "--momentum", "0.9"]
    logs = {}
    for processes, size in ((1, 8), (2, 4)):
        place = [
            "--batch-size",
            size,
            "--save-dir",
            tmp_path / str(processes),
            "--log-format",
            "json",
            "--log-interval",
            1,
        ]
        out = together(processes, "fairseq-train", *run, *place)
        lines = [line.split(" | ")[-1] for line in out.splitlines() if "| train_inner |" in line]
        logs[processes] = [json.loads(line) for line in lines]
    one, two = (torch.load(tmp_path / str(n) / "checkpoint_last.pt", weights_only=True)["model"] for n in (1, 2))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-5, rtol=1e-4, msg=name)
    assert len(logs[1]) == len(logs[2]) == 2
    for alone, both in zip(logs[1], logs[2], strict=True):
        for name in ("loss", "global", "local", "diversity"):
            assert float(both[name]) == pytest.approx(float(alone[name]), abs=2e-3), name
        assert both["bsz"] == alone["bsz"]


@pytest.fixture(scope="module")
def diagnosis(together, few, arguments, tmp_path_factory):
    """A model for diagnosis after one epoch of training on two processes, one of which runs out of batches."""
    folder = tmp_path_factory.mktemp("diagnosis")
    start = ["--pretrained", "random", "--encoder", "quiet_tiny", "--threshold", "fit_per_class"]
    run = [few, *arguments["diagnosis"], *PLUGIN, *start, "--train-subset", "pretrain", "--max-epoch", 1]
    out = together(2, "fairseq-train", *run, "--batch-size", 6, "--batch-size-valid", 7, "--save-dir", folder)
    return folder, out


def read(folder, subset):
    with open(folder / f"predictions_{subset}.tsv") as file:
        return list(csv.DictReader(file, delimiter="\t")), json.loads((folder / f"metrics_{subset}.json").read_text())


@pytest.mark.parametrize("size", [7, 2])
def test_two_processes_score_as_one_and_every_row_once(together, few, diagnosis, arguments, tmp_path, size):
    folder, _ = diagnosis
    run = [few, *PLUGIN, "--task", "ecg_classification", "--path", folder / "checkpoint_last.pt", "--cpu"]
    run += ["--valid-subset", "valid", "--batch-size", size, "--num-workers", 0]
    for processes in (1, 2):
        together(processes, "fairseq-validate", *run, "--results-path", tmp_path / str(processes))
    (rows, scores), (others, metrics) = (read(tmp_path / str(n), "valid") for n in (1, 2))
    ids = [line.split("\t")[0] for line in (few / "valid.tsv").read_text().splitlines()[1:]]
    assert [row["id"] for row in rows] == ids
    assert scores == metrics
    for row, other in zip(rows, others, strict=True):
        assert row.keys() == other.keys()
        for name in row:
            same = row[name] == other[name] or math.isclose(float(row[name]), float(other[name]), abs_tol=2e-6)
            assert same, (name, row[name], other[name])
    assert [set(row[name] for name in row if name.startswith("label:")) == {"?"} for row in rows] == [False] * 3 + [
        True
    ] * 2


def test_training_scored_its_validation_once_it_was_whole(diagnosis):
    _, out = diagnosis
    line = next(line for line in out.splitlines() if "| valid |" in line)
    for name in ("macro_auc", "macro_f1", "bce", "loss"):
        assert f" {name} " in line, line
