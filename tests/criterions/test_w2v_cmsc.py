"""Equation 5: the local and the global objective of one pass are added, and are those of the single criterions."""

import pytest
import torch

METHOD = ["--views", "adjacent", "--negatives", "0", "--span-probability", "0", "--target-dropout", "0"]


def outcome(fairseq_parts, ecg_data, arguments, *criterion):
    run = [*arguments["pretraining"], *METHOD, "--batch-size", "4", "--criterion", *criterion]
    _, task, model, criterion = fairseq_parts(ecg_data, *run)
    task.load_dataset("valid")
    batch = task.datasets["valid"].collater(task.datasets["valid"].__getitems__([0, 1, 2, 3]))
    return task.evaluate(batch, model, criterion)


def test_losses_are_those_of_both_criterions_added(fairseq_parts, ecg_data, arguments):
    both, size, _, found = outcome(fairseq_parts, ecg_data, arguments, "w2v_cmsc")
    near, _, _, local = outcome(fairseq_parts, ecg_data, arguments, "w2v")
    far, _, _, globally = outcome(fairseq_parts, ecg_data, arguments, "cmsc")
    assert size == 8  # segments, two from each window
    assert set(found.losses) == {"local", "diversity", "penalty", "global"}
    torch.testing.assert_close(both, near + far)
    losses = found.losses
    means = {name: float(loss.sum) / float(loss.count) for name, loss in losses.items()}
    total = means["local"] + means["global"] + 0.1 * means["diversity"] + 10 * means["penalty"]
    assert float(both) == pytest.approx(8 * total, rel=1e-5)
    assert means["local"] == pytest.approx(float(local.losses["local"].sum / local.losses["local"].count))
    assert means["global"] == pytest.approx(float(globally.losses["global"].sum / globally.losses["global"].count))
