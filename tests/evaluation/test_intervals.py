"""Intervals over seeds, against the printed table of Student's t, a plain loop and their own promise."""

import math
import statistics

import numpy as np
import pytest

from fairseq_signals.evaluation.intervals import in_last_digits, mean_deviation, mean_interval

# Quantiles as in any printed table: two-sided 95 % and 90 %, by degrees of freedom.
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 30: 2.042}
T90 = {1: 6.314, 2: 2.920, 4: 2.132}


def test_three_seeds_by_hand():
    # mean 2, standard deviation 1, 4.303 / sqrt(3)
    assert mean_interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2.484), abs=5e-4)


@pytest.mark.parametrize(
    ("level", "degrees", "quantile"), [(0.95, *item) for item in T95.items()] + [(0.9, *item) for item in T90.items()]
)
def test_half_width_is_the_printed_quantile_times_the_standard_error(level, degrees, quantile):
    values = np.random.default_rng(degrees).normal(0.6, 0.02, degrees + 1).tolist()
    mean, half_width = mean_interval(values, level)
    assert mean == pytest.approx(math.fsum(values) / len(values))
    assert half_width == pytest.approx(quantile * statistics.stdev(values) / len(values) ** 0.5, rel=2e-4)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth():
    draws = np.random.default_rng(7).normal(0.5, 0.1, (2000, 3))
    intervals = [mean_interval(values) for values in draws]
    held = np.mean([abs(mean - 0.5) <= half_width for mean, half_width in intervals])
    assert abs(held - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_what_says_nothing_about_the_spread_has_no_interval():
    mean, half_width = mean_interval([0.7])
    assert mean == 0.7 and math.isnan(half_width)
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.0)
    assert all(map(math.isnan, mean_interval([0.5, math.nan, 0.6])))
    assert all(map(math.isnan, mean_interval([math.nan])))


@pytest.mark.parametrize("values", [[], [0.5, math.inf], [[0.5, 0.6]], 0.5])
def test_values_that_are_no_scores_are_refused(values):
    with pytest.raises(ValueError, match="values of runs must be a list of at least one finite number or NaN, got"):
        mean_interval(values)


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_that_is_no_confidence_is_refused(level):
    with pytest.raises(ValueError, match="confidence level must lie between 0 and 1, got"):
        mean_interval([0.5, 0.6], level)


def test_the_deviation_is_that_of_the_runs_and_not_of_their_mean():
    values = [0.9403, 0.9418, 0.9421, 0.9398]
    assert mean_deviation(values) == pytest.approx((statistics.mean(values), statistics.stdev(values)), rel=1e-12)
    mean, deviation = mean_deviation([0.5])
    assert mean == 0.5 and math.isnan(deviation)
    with pytest.raises(ValueError, match="values of runs must be"):
        mean_deviation([])


def test_a_deviation_in_units_of_the_last_digit():
    # cells of Mehari & Strodthoff 2022, table 2
    assert in_last_digits(0.9418, 0.0014) == "0.9418(14)"
    assert in_last_digits(0.9272, 0.0008) == "0.9272(08)"
    assert in_last_digits(0.7210, 0.0158) == "0.7210(158)"
    assert in_last_digits(0.925, 0.007, digits=3) == "0.925(07)"
    assert in_last_digits(0.7, math.nan) == "0.7000"
