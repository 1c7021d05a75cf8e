"""DeLong's interval beside the plain definition in two loops, and its coverage by simulation."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from fairseq_signals.evaluation.delong import auc_difference, auc_interval


def cohort(seed, n=60, shift=1.0, digits=1):
    draws = np.random.default_rng(seed)
    labels = draws.random(n) < 0.3
    labels[:2] = True, False
    return labels, np.round(draws.normal(size=n) + shift * labels, digits)  # rounded, so that there are ties


def psi(one, other):
    return 1.0 if one > other else 0.5 if one == other else 0.0


def plain(labels, scores):
    """Placement values of positives and negatives, pair by pair."""
    positive, negative = scores[labels], scores[~labels]
    above = [sum(psi(one, other) for other in negative) / len(negative) for one in positive]
    below = [sum(psi(one, other) for one in positive) / len(positive) for other in negative]
    return np.array(above), np.array(below)


def plain_covariance(first, second):
    return sum(
        sum((a - one.mean()) * (b - two.mean()) for a, b in zip(one, two, strict=True)) / (len(one) - 1) / len(one)
        for one, two in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("seed", range(4))
def test_area_and_interval_are_those_of_all_pairs(seed):
    labels, scores = cohort(seed)
    values = plain(labels, scores)
    width = norm.ppf(0.975) * np.sqrt(plain_covariance(values, values))
    found = auc_interval(labels, scores)
    assert found.point == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert (found.lower, found.upper) == pytest.approx((found.point - width, min(1, found.point + width)), abs=1e-12)


def test_the_difference_of_two_models_takes_their_covariance_into_account():
    labels, scores = cohort(5)
    other = scores + np.round(np.random.default_rng(6).normal(size=len(scores)), 1)
    one, two = plain(labels, scores), plain(labels, other)
    variance = plain_covariance(one, one) + plain_covariance(two, two) - 2 * plain_covariance(one, two)
    found, p = auc_difference(labels, scores, other)
    gap = roc_auc_score(labels, scores) - roc_auc_score(labels, other)
    assert found.point == pytest.approx(gap, abs=1e-12)
    assert found.upper - found.lower == pytest.approx(2 * norm.ppf(0.975) * np.sqrt(variance), abs=1e-12)
    assert p == pytest.approx(2 * (1 - norm.cdf(gap / np.sqrt(variance))), abs=1e-9)
    assert auc_difference(labels, scores, 3 * scores)[1] == 1.0


def test_nineteen_of_twenty_intervals_hold_the_true_area():
    truth, draws = norm.cdf(1 / np.sqrt(2)), np.random.default_rng(7)
    held = 0
    for _ in range(1500):
        labels = np.arange(150) < 40
        found = auc_interval(labels, draws.normal(size=150) + labels)
        held += found.lower <= truth <= found.upper
    assert 0.925 < held / 1500 < 0.97


def test_what_cannot_be_had_is_nan_and_what_is_perfect_has_no_width():
    assert np.isnan(auc_interval([True, True], [0.1, 0.2])).all()
    alone = auc_interval([True, False, False], [0.3, 0.2, 0.4])
    assert alone.point == 0.5 and np.isnan(alone.lower) and np.isnan(alone.upper)
    assert auc_interval([1, 1, 0, 0], [4, 3, 2, 1]) == (1, 1, 1)
    with pytest.raises(ValueError, match="scores must be finite"):
        auc_interval([True, False], [0.1, np.nan])
    with pytest.raises(ValueError, match="confidence level must lie between 0 and 1, got 95"):
        auc_interval([True, False], [0.1, 0.2], 95)
