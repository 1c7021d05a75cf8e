"""Weighted scores of a class against scikit-learn, on explicit resamples and with weights."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fairseq_signals.evaluation.weighted_scores import WEIGHTED_SCORES, weighted_auc, weighted_average_precision

TRUTH = {weighted_auc: roc_auc_score, weighted_average_precision: average_precision_score}


@pytest.fixture
def case():
    draws = np.random.default_rng(3)
    labels = draws.random(60) < 0.2
    scores = np.round(draws.normal(size=60) + labels, 1)  # many ties, also between labels
    drawn = draws.integers(0, 60, (40, 60))
    weights = np.stack([np.bincount(rows, minlength=60) for rows in drawn], axis=1)
    return labels, scores, drawn, weights


@pytest.mark.parametrize("score", TRUTH)
def test_a_resample_scores_like_its_recordings_written_out(score, case):
    labels, scores, drawn, weights = case
    plain = [TRUTH[score](labels[rows], scores[rows]) for rows in drawn]
    np.testing.assert_allclose(score(labels, scores, weights), plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("score", TRUTH)
def test_weights_need_not_be_whole_numbers(score, case):
    labels, scores, *_ = case
    weights = np.random.default_rng(4).random((60, 5)) + 0.01
    plain = [TRUTH[score](labels, scores, sample_weight=weight) for weight in weights.T]
    np.testing.assert_allclose(score(labels, scores, weights), plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("score", TRUTH)
def test_a_resample_without_one_of_the_labels_has_no_score(score, case):
    labels, scores, _, weights = case
    weights[labels, 0], weights[~labels, 1], weights[:, 2] = 0, 0, 0
    assert np.isnan(score(labels, scores, weights)[:3]).all()
    assert not np.isnan(score(labels, scores, weights)[3:]).any()


def test_perfect_order_is_exactly_one_in_every_resample(case):
    labels, _, _, weights = case
    assert (weighted_auc(labels, labels * 1.0, weights) == 1.0).all()


def test_equal_scores_are_a_half(case):
    labels, scores, _, weights = case
    assert (weighted_auc(labels, np.zeros_like(scores), weights) == 0.5).all()


def test_scores_are_found_by_the_name_of_their_average():
    assert WEIGHTED_SCORES == {"macro_auc": weighted_auc, "macro_average_precision": weighted_average_precision}
