"""Calibration beside Newton's method written out, plain loops, and probabilities that are what they say."""

import numpy as np
import pytest

from fairseq_signals.evaluation.calibration import calibration


def cohort(seed, n=400, stretch=1.0, shift=0.0):
    """Outcomes drawn from probabilities, and probabilities told with log odds stretched and shifted."""
    draws = np.random.default_rng(seed)
    odds = draws.normal(-1, 1.2, n)
    return draws.random(n) < 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-(odds * stretch + shift)))


def newton(labels, scores, with_slope):
    """Logistic recalibration by Newton's method: (intercept, slope); the slope is held at 1 where not asked for."""
    odds = np.log(scores / (1 - scores))
    design = np.stack([np.ones(len(odds)), odds], axis=1) if with_slope else np.ones((len(odds), 1))
    offset = 0 if with_slope else odds
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(design @ beta + offset)))
        beta += np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design, design.T @ (labels - p))
    return beta


@pytest.mark.parametrize(("stretch", "shift"), [(1.0, 0.0), (2.5, 0.0), (0.4, 1.5)])
def test_intercept_and_slope_are_those_of_a_logistic_recalibration(stretch, shift):
    labels, scores = cohort(1, stretch=stretch, shift=shift)
    found = calibration(labels, scores)
    assert found.intercept == pytest.approx(newton(labels, scores, False)[0], abs=1e-6)
    assert found.slope == pytest.approx(newton(labels, scores, True)[1], abs=1e-4)


def test_probabilities_that_are_what_they_say_and_too_extreme_ones():
    found = calibration(*cohort(2, n=20000))
    assert (found.intercept, found.slope) == pytest.approx((0, 1), abs=0.05) and found.error < 0.02
    extreme = calibration(*cohort(2, n=20000, stretch=2.0))
    assert extreme.slope == pytest.approx(found.slope / 2, abs=1e-3) and extreme.error > 0.05


def test_brier_score_error_and_curve_by_plain_loops():
    labels, scores = cohort(3, n=57)
    found = calibration(labels, scores, bins=5)
    pairs = sorted(zip(scores.tolist(), labels.tolist(), strict=True))
    assert found.brier == pytest.approx(sum((p - y) ** 2 for p, y in pairs) / 57)
    share = sum(y for _, y in pairs) / 57
    assert found.brier_of_prevalence == pytest.approx(sum((share - y) ** 2 for _, y in pairs) / 57)
    error, start = 0.0, 0
    for size, one in zip((12, 12, 11, 11, 11), found.curve, strict=True):
        part = pairs[start : start + size]
        start += size
        told, is_so = sum(p for p, _ in part) / size, sum(y for _, y in part) / size
        assert (one.n, one.probability, one.positives) == pytest.approx((size, told, is_so))
        error += size / 57 * abs(told - is_so)
    assert found.error == pytest.approx(error)


def test_what_cannot_be_had_is_nan():
    one_label = calibration([True, True, True], [0.2, 0.9, 1.0])
    assert np.isnan([one_label.intercept, one_label.slope]).all() and one_label.brier == pytest.approx(0.65 / 3)
    assert np.isnan(calibration([True, False], [0.3, 0.3]).slope)
    assert np.isnan(calibration([False, False, True, True], [0.0, 0.2, 0.6, 1.0]).slope)  # parted: no finite slope
    assert [one.n for one in calibration([True, False], [0.3, 0.4]).curve] == [2]
    assert [one.n for one in calibration(*cohort(4, n=39)).curve] == [13, 13, 13]
    with pytest.raises(ValueError, match=r"scores must be probabilities and bins at least 1, got 0.5 to 1.5 and 10"):
        calibration([True, False], [0.5, 1.5])
