"""The masked autoencoder's loss against plain loops."""

import pytest
import torch

from fairseq_signals.criterions.mae import masked_error

METHOD = ["--task", "ecg_pretraining", "--window-seconds", "2.5", "--batch-size", "4", "--optimizer", "adam"]
METHOD += ["--arch", "ecg_mae", "--criterion", "mae", "--reconstruction-dim", "16", "--reconstruction-layers", "1"]
METHOD += ["--reconstruction-heads", "2", "--masked-share", "0.5", "--encoder", "vit_tiny"]


def loop(predicted, targets, masked):
    """Sum over hidden patches of the mean squared error of their samples, and their number."""
    total, number = 0.0, 0
    for n in range(len(masked)):
        for f in range(masked.shape[1]):
            if masked[n, f]:
                errors = [(float(a) - float(b)) ** 2 for a, b in zip(predicted[n, f], targets[n, f], strict=True)]
                total, number = total + sum(errors) / len(errors), number + 1
    return total, number


def parts(seed=0):
    generator = torch.Generator().manual_seed(seed)
    predicted, targets = (torch.randn(3, 8, 5, generator=generator) for _ in range(2))
    return predicted, targets, torch.rand(3, 8, generator=generator) < 0.6


def test_equals_a_plain_loop_over_windows_and_patches():
    total, number = masked_error(*parts())
    expected, patches = loop(*parts())
    assert float(total) == pytest.approx(expected, rel=1e-6) and float(number) == patches


def test_what_was_not_hidden_counts_nowhere():
    predicted, targets, masked = parts()
    before = masked_error(predicted, targets, masked)
    predicted, targets = (torch.where(masked.unsqueeze(2), value, 1e4 * value) for value in (predicted, targets))
    predicted.requires_grad_()
    after = masked_error(predicted, targets, masked)
    assert torch.equal(after[0].detach(), before[0]) and after[1] == before[1]
    after[0].backward()
    assert predicted.grad[~masked].abs().sum() == 0 and (predicted.grad[masked] != 0).all()


def test_a_perfect_prediction_has_no_error_and_nothing_hidden_no_loss():
    predicted, targets, masked = parts()
    assert float(masked_error(targets, targets, masked)[0]) == 0
    total, number = masked_error(predicted.requires_grad_(), targets, torch.zeros_like(masked))
    total.backward()
    assert float(total.detach()) == float(number) == 0 and predicted.grad.abs().sum() == 0


def test_the_criterion_takes_it_from_a_batch(fairseq_parts, ecg_data, arguments):
    subsets = ["--train-subset", "pretrain", "--valid-subset", "valid"]
    _, task, model, criterion = fairseq_parts(ecg_data, *arguments["place"], *subsets, *METHOD)
    task.load_dataset("valid")
    batch = task.datasets["valid"].collater(task.datasets["valid"].__getitems__([0, 3, 8]))
    loss, size, logs, found = task.evaluate(batch, model, criterion)
    predicted, targets, masked = (found.outputs[name] for name in ("predicted", "targets", "masked"))
    expected, patches = loop(predicted, targets, masked)
    assert (size, patches) == (3, 3 * 30) and float(logs["count_mae"]) == 90  # half of 12 leads x 5 patches
    assert float(loss) / size == pytest.approx(expected / patches, rel=1e-5)
    zeros, _ = loop(torch.zeros_like(targets), targets, masked)
    assert float(logs["sum_mae_of_zeros"]) == pytest.approx(zeros, rel=1e-5)
    again, *_ = task.evaluate(batch, model, criterion)
    assert float(again) == float(loss)  # the draws of an evaluation are those of its batch
