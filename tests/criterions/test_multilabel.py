"""Masked binary cross-entropy against scikit-learn and PyTorch over the known cells alone."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from fairseq_signals.criterions.multilabel import _weights, masked_binary_cross_entropy
from fairseq_signals.data.dataset import UNKNOWN


def draw():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20, 4, generator=generator)
    return logits, torch.randint(3, (20, 4), generator=generator).to(torch.uint8)


def test_equals_scikit_learn_over_the_known_cells():
    logits, labels = draw()
    total, count = masked_binary_cross_entropy(logits, labels)
    known = (labels != UNKNOWN).numpy()
    probability = logits.double().sigmoid().numpy()[known]
    assert float(count) == known.sum() < known.size
    assert float(total / count) == pytest.approx(log_loss(labels.numpy()[known], probability), rel=1e-5)


def test_weights_scale_the_loss_of_positives_by_class():
    logits, labels = draw()
    weight = torch.tensor([1.0, 2.0, 5.0, 0.5])
    total, count = masked_binary_cross_entropy(logits, labels, weight)
    expected = 0.0
    for row, column in np.argwhere((labels != UNKNOWN).numpy()):
        probability = 1 / (1 + np.exp(-float(logits[row, column])))
        positive = labels[row, column] == 1
        expected -= float(weight[column]) * np.log(probability) if positive else np.log(1 - probability)
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert float(count) == (labels != UNKNOWN).sum()


def test_unknown_cells_send_no_gradient_however_wrong():
    logits, labels = draw()
    logits = torch.where(labels == UNKNOWN, torch.tensor(1e4), logits).requires_grad_()
    masked_binary_cross_entropy(logits, labels)[0].backward()
    assert not logits.grad[labels == UNKNOWN].any() and logits.grad[labels != UNKNOWN].all()


def test_nothing_known_is_no_loss():
    total, count = masked_binary_cross_entropy(torch.randn(2, 3), torch.full((2, 3), UNKNOWN, dtype=torch.uint8))
    assert (float(total), float(count)) == (0.0, 0.0)


def test_weights_are_one_number_or_a_mapping_by_class():
    classes = ["426783006", "AF", "59118001"]
    assert _weights(None, classes) is None
    assert _weights("2.5", classes) == [2.5, 2.5, 2.5]
    assert _weights({"AF": 3}, classes) == [1.0, 3.0, 1.0]
    assert _weights({426783006: 4, "AF": 3}, classes) == [4.0, 3.0, 1.0]  # yaml reads such a code as a number


def test_weights_of_unknown_classes_are_refused():
    with pytest.raises(ValueError, match=r"positive_weights must name classes among A, B, got C"):
        _weights({"A": 1, "C": 2}, ["A", "B"])
