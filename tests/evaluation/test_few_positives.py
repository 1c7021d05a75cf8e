"""The spread that few positives deserve, against the binomial distribution and against new draws."""

import numpy as np
import pytest
from scipy import stats

from fairseq_signals.evaluation.few_positives import plain_deviations, widened_deviations
from fairseq_signals.evaluation.resampling import ClassScores, Resampling, class_scores
from fairseq_signals.evaluation.weighted_scores import weighted_average_precision


def scores_of(positives, n=60, n_resamples=4000, seed=0):
    draws = np.random.default_rng(seed)
    labels = np.zeros((n, len(positives)), bool)
    for column, number in enumerate(positives):
        labels[draws.choice(n, number, replace=False), column] = True
    return class_scores(labels, draws.normal(size=labels.shape), None, Resampling(range(n), n_resamples))


def shown(p, n):
    """(p - 1) E[1/q], q drawn from n recordings with p positives, at least one of them."""
    q = np.arange(1, n + 1)
    chance = stats.binom.pmf(q, n, p / n)
    return (p - 1) * (chance / q).sum() / chance.sum()


@pytest.mark.parametrize("p", [2, 3, 5, 20])
def test_a_class_is_widened_by_what_resamples_hide(p):
    scores = scores_of([p, 30])
    widened, plain = widened_deviations(scores, seed=1)[0], plain_deviations(scores)[0]
    plain -= np.nanmean(plain)
    moved = ~np.isnan(plain) & (plain != 0)
    ratio = widened[moved] / plain[moved]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    assert ratio[0] == pytest.approx(shown(p, 60) ** -0.5, rel=0.02)


def test_the_numbers_that_the_file_states():
    assert [round(shown(p, 2198), 2) for p in (3, 2, 1)] == [0.87, 0.58, 0.0]


@pytest.mark.parametrize("p", [2, 3, 5])
def test_widened_spread_is_that_of_new_positives(p):
    # Many negatives: an AUC is then the mean of what each positive scores, whose true spread new draws show.
    draws, n, truth, widened = np.random.default_rng(p), 200, [], []
    for _ in range(150):
        labels = (np.arange(n) < p)[:, None]
        scores = draws.normal(size=(n, 1)) + 0.5 * labels
        found = class_scores(labels, scores, None, Resampling(range(n), 100, seed=7))
        truth.append(found.points[0])
        widened.append(np.nanvar(widened_deviations(found, 1)))
    assert np.mean(widened) == pytest.approx(np.var(truth), rel=0.3)
    assert stats.norm.cdf(0.5 / 2**0.5) == pytest.approx(np.mean(truth), abs=0.05)


def test_average_precision_rises_in_resamples_and_is_set_back():
    draws = np.random.default_rng(2)
    labels = np.repeat((np.arange(80) < 6)[:, None], 20, axis=1)
    scores = draws.normal(size=(80, 20)) + labels
    found = class_scores(labels, scores, None, Resampling(range(80), 300), weighted_average_precision)
    rises = np.nanmean(plain_deviations(found), axis=1)
    assert rises.mean() > 4 * rises.std() / 20**0.5 > 0
    assert np.abs(np.nanmean(widened_deviations(found, 1), axis=1)).max() < 1e-12


def test_a_single_positive_borrows_from_rare_classes():
    scores = scores_of([1, 2, 4, 30])
    widened = widened_deviations(scores, seed=1)
    lent = {2: widened[1] * 2**0.5, 4: widened[2] * 4**0.5}
    from_first, from_second = (np.isclose(widened[0], values, equal_nan=True) for values in lent.values())
    assert (from_first | from_second).all() and 0.4 < from_first.mean() < 0.6
    again = widened_deviations(scores, seed=1)
    np.testing.assert_array_equal(widened, again)
    assert not np.array_equal(widened[0], widened_deviations(scores, seed=2)[0], equal_nan=True)


def test_without_rare_classes_the_rarest_others_lend():
    scores = scores_of([1, 20, 30])
    widened = widened_deviations(scores, seed=1)
    np.testing.assert_allclose(widened[0], widened[1] * 20**0.5)


def test_single_positives_alone_show_no_spread():
    assert np.isnan(widened_deviations(scores_of([1, 1]), seed=1)).all()


def test_a_class_without_a_point_neither_lends_nor_borrows():
    base = scores_of([1, 4])
    values = [np.vstack([table, table[:1] * 0 + fill]) for table, fill in ((base.values, np.nan), (base.drawn, 0))]
    scores = ClassScores(
        np.append(base.points, np.nan), values[0], np.append(base.holders, 0), values[1], base.positives
    )
    widened = widened_deviations(scores, seed=1)
    assert np.isnan(widened[2]).all()
    np.testing.assert_array_equal(widened[:2], widened_deviations(base, seed=1))
