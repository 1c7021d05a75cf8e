"""Named losses on several processes, and what is logged of them."""

import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fairseq.logging import metrics

from fairseq_signals.criterions.ecg_criterion import ECGCriterion

CASES = ["w2v", "cmsc all", "cmsc two", "cmsc all, patients", "cmsc two, patients", "nt_xent", "nt_xent, patients"]
CASES += [
    "byol",
    "byol, padded",
    "swav",
    "moco",
    "moco, padded",
    "mae",
    "mae, padded",
    "cpc",
    "cpc, padded",
    "w2v_cmsc",
    "arcface",
    "multilabel",
]
SHARES = ["halves", "uneven", "one rank without a batch"]


@pytest.fixture(scope="module")
def found(ecg_data, tmp_path_factory):
    """Losses and gradients of one process on the whole batch, and of two gloo processes on shares of it."""
    folder, root = tmp_path_factory.mktemp("ranks"), Path(__file__).resolve().parents[2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    processes = []
    for world, rank in ((1, 0), (2, 0), (2, 1)):
        script = [sys.executable, str(Path(__file__).with_name("ranks.py")), str(ecg_data), str(folder / str(world))]
        command = [*script, str(port), str(world), str(rank)]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors[-3000:]
    return torch.load(folder / "1"), torch.load(folder / "2")


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one_in_loss_and_gradients(found, case, share):
    compare(found[1][case, share], found[0][case, "whole"])


@pytest.mark.slow
def test_two_micro_batches_equal_one_batch_where_windows_do_not_meet(found):
    compare(found[0]["arcface", "micro-batches"], found[0]["arcface", "whole"])


def compare(some, others):
    (loss, gradients), (expected, whole) = some, others
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in whole.items():
        size = max(1.0, float(gradient.abs().max()))
        assert float((gradients[name] - gradient).abs().max()) < 1e-5 * size, name
    assert sum(float(gradient.abs().sum()) for gradient in whole.values()) > 1e-3


def reduced(*logs):
    with metrics.aggregate() as found:
        ECGCriterion.reduce_metrics(list(logs))
    return {name: value for name, value in found.get_smoothed_values().items()}


def log(windows, **losses):
    entry = {"nsentences": windows, "ntokens": windows, "sample_size": windows, "batches": 1}
    for name, (total, count, weight) in losses.items():
        entry |= {f"sum_{name}": torch.tensor(total), f"count_{name}": count, f"weight_{name}": weight}
    return entry


def test_logged_means_are_over_all_that_was_counted():
    one = log(4, local=(6.0, 2, 1.0), spread=(4.0, 4, 0.1))
    two = log(2, local=(1.0, 5, 1.0), spread=(1.0, 2, 0.1))
    found = reduced(one, two)
    assert found["local"] == pytest.approx(7 / 7, abs=1e-4)
    assert found["spread"] == pytest.approx(5 / 6, abs=1e-4)
    assert found["loss"] == pytest.approx(1 + 0.1 * 5 / 6, abs=1e-4)


def test_an_empty_batch_changes_no_logged_mean():
    one = log(4, local=(6.0, 2, 1.0), spread=(4.0, 4, 0.1))
    assert reduced(one, log(0, local=(0.0, 0, 1.0), spread=(0.0, 0, 0.1))) == reduced(one)


def test_means_of_several_batches_are_weighted_by_their_counts():
    with metrics.aggregate() as found:
        ECGCriterion.reduce_metrics([log(1, local=(3.0, 1, 1.0))])
        ECGCriterion.reduce_metrics([log(1, local=(3.0, 3, 1.0))])
    assert found.get_smoothed_values()["local"] == pytest.approx(6 / 4, abs=1e-4)


def test_a_batch_without_anything_to_count_has_no_loss():
    nothing = log(4, arcface=(0.0, 0, 1.0))
    assert math.isnan(reduced(nothing)["loss"])
    with metrics.aggregate() as found:  # and does not take it from other batches
        for batch in (nothing, log(2, arcface=(6.0, 2, 1.0)), nothing):
            ECGCriterion.reduce_metrics([batch])
    assert found.get_smoothed_values()["loss"] == pytest.approx(3.0)
