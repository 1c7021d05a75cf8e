"""Areas under curves against scikit-learn and against counting pairs."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fairseq_signals.evaluation.auc import (
    macro_auc,
    macro_average_precision,
    per_class_auc,
    per_class_average_precision,
)


@pytest.fixture
def tables():
    random = np.random.default_rng(3)
    labels = random.random((80, 6)) < 0.3
    return labels, np.round(random.random((80, 6)) + 0.3 * labels, 2)  # rounding makes ties


def test_macro_scores_equal_scikit_learn(tables):
    labels, scores = tables
    assert macro_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores, average="macro"), abs=1e-12)
    expected = average_precision_score(labels, scores, average="macro")
    assert macro_average_precision(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_auc_is_the_share_of_ordered_pairs(tables):
    labels, scores = tables
    for column, area in enumerate(per_class_auc(labels, scores)):
        positive, negative = scores[labels[:, column], column], scores[~labels[:, column], column]
        pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
        assert area == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_classes_with_one_label_are_left_out(tables):
    labels, scores = tables
    labels[:, 1], labels[:, 4] = False, True
    rest = [0, 2, 3, 5]
    assert np.isnan(per_class_auc(labels, scores)[[1, 4]]).all()
    assert np.isnan(per_class_average_precision(labels, scores)[[1, 4]]).all()
    assert macro_auc(labels, scores) == pytest.approx(roc_auc_score(labels[:, rest], scores[:, rest]))
    expected = average_precision_score(labels[:, rest], scores[:, rest])
    assert macro_average_precision(labels, scores) == pytest.approx(expected)


def test_unknown_cells_leave_their_class_only(tables):
    labels, scores = tables
    known = np.ones_like(labels)
    known[:40, 2] = False
    areas, without = per_class_auc(labels, scores, known), per_class_auc(labels, scores)
    assert areas[2] == pytest.approx(roc_auc_score(labels[40:, 2], scores[40:, 2]))
    assert np.delete(areas, 2) == pytest.approx(np.delete(without, 2))


def test_known_cells_of_one_label_only_leave_no_area(tables):
    labels, scores = tables
    assert np.isnan(macro_auc(labels, scores, known=labels))
    assert np.isnan(macro_average_precision(labels, scores, known=labels))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels, scores: (labels, np.where(scores > 0.5, np.nan, scores), None), "scores must be finite"),
        (lambda labels, scores: (labels, scores[:, :5], None), "scores must be shaped like the labels"),
        (lambda labels, scores: (scores, scores, None), "labels must be boolean"),
        (lambda labels, scores: (labels[0], scores[0], None), "labels must be a table"),
        (lambda labels, scores: (labels, scores, labels[:3]), "known must be shaped like the labels"),
    ],
)
def test_bad_tables_are_refused(tables, change, message):
    with pytest.raises(ValueError, match=message):
        macro_auc(*change(*tables))
