"""Confidence intervals: a plain loop, and simulations in which the truth is known."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from fairseq_signals.evaluation.bootstrap import (
    MacroResamples,
    deviations,
    difference,
    macro_interval,
    macro_resamples,
    percentile_interval,
)
from fairseq_signals.evaluation.resampling import Resampling, class_scores
from fairseq_signals.evaluation.weighted_scores import weighted_average_precision


def draw(positives, shifts, n, draws, shared=0.3):
    """Labels with so many positives per class, and scores whose expected AUC is Φ(shift / √2)."""
    labels = np.zeros((n, len(positives)), bool)
    for column, number in enumerate(positives):
        labels[draws.choice(n, number, replace=False), column] = True
    noise = shared**0.5 * draws.normal(size=(n, 1)) + (1 - shared) ** 0.5 * draws.normal(size=labels.shape)
    return labels, noise + labels * np.asarray(shifts)


def simulate(positives, shifts, n, times, n_resamples=200):
    """By data set: the classes' scores, and the truth."""
    draws = np.random.default_rng(11)
    for number in range(times):
        labels, scores = draw(positives, shifts, n, draws)
        yield class_scores(labels, scores, None, Resampling(range(n), n_resamples, seed=number))


def coverage(simulated, truth, widened):
    """Shares of data sets whose interval holds the truth, and holds the point."""
    held = []
    for found in simulated:
        macro = macro_resamples(found, deviations(found, 1, widened))
        lower, upper = percentile_interval(macro.values)
        held.append((lower <= truth <= upper, lower <= macro.point <= upper))
    return np.mean(held, axis=0)


def test_without_rare_classes_the_interval_is_that_of_a_plain_loop():
    draws = np.random.default_rng(0)
    labels, scores = draw([20, 30, 40], [0.5, 1.0, 1.5], 80, draws)
    resampling = Resampling(range(80), 100, seed=9)
    plain = []
    for weights in next(resampling.blocks())[1].astype(int).T:
        rows = np.repeat(np.arange(80), weights)
        plain.append(roc_auc_score(labels[rows], scores[rows], average="macro"))
    found = macro_interval(labels, scores, n_resamples=100, seed=9, widened=False)
    assert found.point == pytest.approx(roc_auc_score(labels, scores, average="macro"))
    assert found[1:] == pytest.approx(np.percentile(plain, [2.5, 97.5]))
    narrow = macro_interval(labels, scores, n_resamples=100, seed=9, level=0.5, widened=False)
    assert narrow[1:] == pytest.approx(np.percentile(plain, [25, 75]))


def test_a_lost_class_takes_the_mean_deviation_of_the_others():
    draws = np.random.default_rng(1)
    found = class_scores(*draw([2, 5, 9], [0, 1, 2], 40, draws), None, Resampling(range(40), 300, seed=1))
    macro = macro_resamples(found, deviations(found, widened=False))
    for number in range(300):
        moved = found.values[:, number] - found.points
        there = moved[~np.isnan(moved)]
        moved = np.where(np.isnan(moved), there.mean(), moved)
        assert macro.values[number] == pytest.approx((found.points + moved).mean(), abs=1e-12)
    assert np.isnan(found.values).any()


def test_deviations_average_to_nothing_whereas_the_classes_left_do_not():
    # Rare classes are the hard ones: without them a model looks better.
    positives, shifts = [1, 1, 2, 2, 3, 3, 20, 20], [0, 0, 0.3, 0.3, 0.6, 0.6, 2.5, 2.5]
    ours, left = [], []
    for found in simulate(positives, shifts, 70, 60):
        macro = macro_resamples(found, deviations(found))
        plain = macro_resamples(found, deviations(found, widened=False))
        ours.append((macro.values.mean() - macro.point, plain.values.mean() - plain.point))
        left.append(np.nanmean(found.values, axis=0).mean() - plain.point)
    errors = np.std(ours, axis=0) / 60**0.5
    assert (np.abs(np.mean(ours, axis=0)) < 3 * errors).all()
    assert np.mean(left) > 10 * np.std(left) / 60**0.5 > 0


def test_redrawing_until_all_classes_are_there_is_biased():
    # The single recording with the first class is the hardest negative of the second; redrawing takes it too often.
    labels = np.zeros((40, 2), bool)
    labels[0, 0], labels[1:11, 1] = True, True
    scores = np.column_stack([np.arange(40.0), np.arange(40.0)[::-1]])
    scores[0, 1] = 100.0
    found = class_scores(labels, scores, None, Resampling(range(40), 4000, seed=1))
    deviating = deviations(found, widened=False)[1]
    complete = ~np.isnan(found.values[0])
    error = deviating.std() / 4000**0.5
    assert abs(np.nanmean(deviating)) < 3 * error
    assert deviating[complete].mean() < -8 * error


@pytest.mark.slow
def test_rare_classes_have_nearly_the_coverage_that_is_promised():
    positives, shifts = np.linspace(3, 10, 12).astype(int), np.full(12, 1.5)
    truth = stats.norm.cdf(1.5 / 2**0.5)
    truly, point = coverage(simulate(positives, shifts, 70, 250), truth, widened=True)
    assert point == 1.0
    assert 0.91 <= truly <= 0.99


@pytest.mark.slow
def test_with_single_positives_only_the_widened_interval_covers():
    positives, shifts = [1, 1, 2, 2, 2, 3, 3, 5, 8, 10], np.linspace(0.5, 2.0, 10)
    truth = stats.norm.cdf(shifts / 2**0.5).mean()
    found = list(simulate(positives, shifts, 70, 200))
    widened, plain = coverage(found, truth, widened=True), coverage(found, truth, widened=False)
    assert widened[1] == plain[1] == 1.0
    assert plain[0] < 0.84 and 0.90 <= widened[0] <= 0.99


def test_patients_that_repeat_themselves_widen_the_interval():
    # Every recording three times: recordings resampled alone would be taken for three times as many patients.
    labels, scores = draw([15, 25], [1, 1], 60, np.random.default_rng(4))
    thrice = np.repeat(labels, 3, axis=0), np.repeat(scores, 3, axis=0)
    patients = np.repeat(np.arange(60), 3)
    once = macro_interval(labels, scores, seed=3)
    clustered = macro_interval(*thrice, units=patients, seed=3)
    assert clustered == pytest.approx(once)
    naive = macro_interval(*thrice, seed=3)
    assert (naive.upper - naive.lower) == pytest.approx((once.upper - once.lower) / 3**0.5, rel=0.15)


def test_few_positives_widen_the_interval_unless_it_is_asked_to_be_plain():
    labels, scores = draw([2, 2, 3], [1, 1, 1], 60, np.random.default_rng(12))
    widened, plain = (macro_interval(labels, scores, n_resamples=300, widened=choice) for choice in (True, False))
    assert macro_interval(labels, scores, n_resamples=300) == widened
    # Two positives show 58 % of the variance that they have, three 87 %.
    assert 1.1 < (widened.upper - widened.lower) / (plain.upper - plain.lower) < 1.4
    assert widened.point == plain.point


def test_unknown_cells_change_nothing():
    labels, scores = draw([8, 12], [1, 1], 60, np.random.default_rng(5))
    known = np.random.default_rng(6).random((60, 2)) < 0.8
    found = macro_interval(labels, scores, known, n_resamples=50)
    assert found == macro_interval(labels ^ ~known, np.where(known, scores, 99.0), known, n_resamples=50)
    assert found != macro_interval(labels, scores, n_resamples=50)


def test_a_difference_is_of_pairs():
    draws = np.random.default_rng(7)
    labels, scores = draw([6, 12, 20], [1, 1, 1], 90, draws)
    better = scores + 0.3 * labels
    resampling = Resampling(range(90), 400, seed=2)
    first, second = (class_scores(labels, table, None, resampling) for table in (better, scores))
    macros = [macro_resamples(found, deviations(found)) for found in (first, second)]
    found = difference(*macros)
    assert found.point == pytest.approx(macros[0].point - macros[1].point)
    assert 0 < found.lower < found.point < found.upper
    # Their own intervals overlap by far: what both models find hard cancels in pairs.
    assert percentile_interval(macros[0].values)[0] < percentile_interval(macros[1].values)[1]
    assert difference(macros[0], macros[0]) == (0, 0, 0)


@pytest.mark.slow
def test_differences_of_equally_good_models_hold_zero_as_often_as_promised():
    draws, held = np.random.default_rng(8), []
    for number in range(150):
        labels, scores = draw([3, 4, 6, 10], [1, 1, 1, 1], 70, draws)
        pair = scores + draws.normal(size=(2, 70, 4))
        resampling = Resampling(range(70), 150, seed=number)
        found = [class_scores(labels, table, None, resampling) for table in pair]
        macros = [macro_resamples(scored, deviations(scored)) for scored in found]
        interval = difference(*macros)
        held.append(interval.lower <= 0 <= interval.upper)
    assert 0.89 <= np.mean(held) <= 0.995


def test_chosen_classes_are_averaged_alone():
    labels, scores = draw([6, 12, 20], [0, 1, 2], 90, np.random.default_rng(9))
    resampling = Resampling(range(90), 30)
    found = class_scores(labels, scores, None, resampling)
    part = macro_resamples(found, deviations(found), np.array([False, True, True]))
    alone = class_scores(labels[:, 1:], scores[:, 1:], None, resampling)
    whole = macro_resamples(alone, deviations(alone))
    assert part.point == whole.point
    np.testing.assert_allclose(part.values, whole.values)


def test_what_cannot_be_had_is_nan():
    found = class_scores(np.zeros((5, 2), bool), np.zeros((5, 2)), None, Resampling(range(5), 10))
    macro = macro_resamples(found, deviations(found))
    assert np.isnan([macro.point, *macro.values, *percentile_interval(macro.values)]).all()


def test_average_precision_has_an_interval_too():
    labels, scores = draw([10, 20], [1, 2], 90, np.random.default_rng(10))
    found = macro_interval(labels, scores, score=weighted_average_precision)
    assert found.lower < found.point < found.upper


@pytest.mark.parametrize("level", [0, 1, 1.5])
def test_a_level_outside_zero_to_one_is_refused(level):
    with pytest.raises(ValueError, match="confidence level must lie between 0 and 1, got"):
        difference(MacroResamples(0.0, np.zeros(3)), MacroResamples(0.0, np.zeros(3)), level)
