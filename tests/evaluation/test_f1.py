"""F1 against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fairseq_signals.evaluation.f1 import macro_f1, per_class_f1


@pytest.fixture
def tables():
    random = np.random.default_rng(5)
    labels = random.random((60, 5)) < 0.3
    return labels, labels ^ (random.random((60, 5)) < 0.2)


def test_f1_equals_scikit_learn(tables):
    labels, decisions = tables
    assert per_class_f1(labels, decisions) == pytest.approx(f1_score(labels, decisions, average=None))
    assert macro_f1(labels, decisions) == pytest.approx(f1_score(labels, decisions, average="macro"))


def test_a_class_without_labels_and_decisions_is_left_out(tables):
    labels, decisions = tables
    labels[:, 3] = decisions[:, 3] = False
    expected = f1_score(labels, decisions, average=None, zero_division=np.nan)
    assert np.isnan(expected[3])
    assert per_class_f1(labels, decisions) == pytest.approx(expected, nan_ok=True)
    assert macro_f1(labels, decisions) == pytest.approx(np.nanmean(expected))
    assert np.isnan(macro_f1(np.zeros((2, 2)), np.zeros((2, 2))))


def test_unknown_cells_do_not_count(tables):
    labels, decisions = tables
    known = np.ones_like(labels)
    known[:30] = False
    assert per_class_f1(labels, decisions, known) == pytest.approx(f1_score(labels[30:], decisions[30:], average=None))


def test_probabilities_are_no_decisions(tables):
    with pytest.raises(ValueError, match="decisions must be boolean"):
        macro_f1(tables[0], tables[1] * 0.5)
