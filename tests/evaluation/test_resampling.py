"""Scores in resamples, against scikit-learn on the recordings of each resample written out."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairseq_signals.evaluation import resampling as module
from fairseq_signals.evaluation.resampling import Resampling, class_scores
from fairseq_signals.evaluation.weighted_scores import weighted_average_precision


def tables(n=50, seed=0):
    draws = np.random.default_rng(seed)
    labels = draws.random((n, 5)) < (0.03, 0.1, 0.3, 0.5, 0.95)
    labels[:, 0] = False
    labels[:2, 0] = True
    scores = np.round(draws.normal(size=(n, 5)) + labels, 1)
    return labels, scores, draws.random((n, 5)) < 0.9, draws.integers(0, n // 2, n)


def all_weights(resampling):
    return np.concatenate([weights for _, weights in resampling.blocks()], axis=1).astype(int)


@pytest.mark.parametrize("by_patient", [False, True])
def test_scores_are_those_of_a_plain_loop_over_resamples(by_patient):
    labels, scores, known, patients = tables()
    resampling = Resampling(patients if by_patient else range(50), 60, seed=5)
    found = class_scores(labels, scores, known, resampling)
    lost = 0
    for number, weights in enumerate(all_weights(resampling).T):
        rows = np.repeat(np.arange(50), weights)
        for column in range(5):
            kept = rows[known[rows, column]]
            truth = labels[kept, column]
            if 0 < truth.sum() < len(truth):
                plain = roc_auc_score(truth, scores[kept, column])
                assert found.values[column, number] == pytest.approx(plain, abs=1e-12)
            else:
                lost += 1
                assert np.isnan(found.values[column, number])
    assert lost > 5
    for column in range(5):
        kept = known[:, column]
        plain = roc_auc_score(labels[kept, column], scores[kept, column])
        assert found.points[column] == pytest.approx(plain, abs=1e-12)
    np.testing.assert_array_equal(found.positives, [(labels[:, c] & known[:, c]).sum() for c in range(5)])


def test_patients_are_drawn_whole_and_as_many_as_there_are():
    patients = ["b", "a", "b", "c", "a", "b"]
    weights = all_weights(Resampling(patients, 200, seed=2))
    for name in "abc":
        rows = weights[[place for place, patient in enumerate(patients) if patient == name]]
        assert (rows == rows[0]).all()
    assert (weights[[1, 0, 3]].sum(axis=0) == 3).all()


def test_every_recording_is_drawn_as_often_as_chance_has_it():
    weights = all_weights(Resampling(range(20), 4000, seed=3))
    assert abs(weights.mean() - 1) < 1e-12
    np.testing.assert_allclose(weights.mean(axis=1), 1, atol=0.07)  # 4.5 standard errors
    np.testing.assert_allclose(weights.var(axis=1), 1 - 1 / 20, atol=0.12)


def test_draws_depend_on_the_seed_and_not_on_how_many_are_made_at_once(monkeypatch):
    whole = all_weights(Resampling(range(30), 50, seed=4))
    assert not (whole == all_weights(Resampling(range(30), 50, seed=5))).all()
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 30 * 7)
    np.testing.assert_array_equal(whole, all_weights(Resampling(range(30), 50, seed=4)))
    labels, scores, *_ = tables(30)
    small = class_scores(labels, scores, None, Resampling(range(30), 50, seed=4))
    monkeypatch.undo()
    np.testing.assert_array_equal(
        small.values, class_scores(labels, scores, None, Resampling(range(30), 50, seed=4)).values
    )


def test_holders_of_the_rarer_label_are_counted_once_each():
    labels, scores, known, patients = tables()
    resampling = Resampling(patients, 40, seed=6)
    found = class_scores(labels, scores, known, resampling)
    weights = all_weights(resampling)
    for column in range(5):
        rarer = column != 4  # of the last class there are fewer negatives
        rows = [row for row in range(50) if known[row, column] and labels[row, column] == rarer]
        first = {patients[row]: row for row in rows}
        assert found.holders[column] == len(first)
        np.testing.assert_array_equal(found.drawn[column], weights[list(first.values())].sum(axis=0))


def test_a_class_without_both_labels_has_neither_point_nor_values():
    labels, scores, *_ = tables()
    labels[:, 2] = False
    found = class_scores(labels, scores, None, Resampling(range(50), 10))
    assert np.isnan(found.points[2]) and np.isnan(found.values[2]).all() and found.holders[2] == 0
    assert not np.isnan(found.points[3])


def test_another_score_is_taken_where_asked():
    labels, scores, *_ = tables()
    resampling = Resampling(range(50), 10)
    found = class_scores(labels, scores, None, resampling, weighted_average_precision)
    weights = next(resampling.blocks())[1]
    np.testing.assert_array_equal(found.values[3], weighted_average_precision(labels[:, 3], scores[:, 3], weights))


def test_what_does_not_fit_is_refused():
    labels, scores, *_ = tables()
    with pytest.raises(ValueError, match="resampling must be of the 50 recordings scored, got one of 49"):
        class_scores(labels, scores, None, Resampling(range(49), 10))
    with pytest.raises(ValueError, match="at least one recording and one resample, got 50 and 0"):
        Resampling(range(50), 0)
    with pytest.raises(ValueError, match="scores must be shaped like the labels"):
        class_scores(labels, scores[:, :4], None, Resampling(range(50), 10))
