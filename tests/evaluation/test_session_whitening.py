"""The map against simulated people whose covariances are known, and against scikit-learn's discriminant analysis."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from fairseq_signals.evaluation.identification import rank1_accuracy
from fairseq_signals.evaluation.session_whitening import SessionWhitening, fit_session_whitening


def sessions(number, between, within, seed=0):
    """Two vectors `[number, D]` for each person, with standard deviations between and within people by direction."""
    random = np.random.default_rng(seed)
    people = random.normal(size=(number, len(between))) * between
    # A large common part keeps the length nearly the same, so that scaling to one changes no direction.
    people[:, 0] = 1000.0
    return [people + random.normal(size=people.shape) * within for _ in range(2)]


BETWEEN = np.array([0.0, 3.0, 1.0, 0.5, 0.1, 0.0])
WITHIN = np.array([0.0, 1.0, 2.0, 0.1, 1.0, 5.0])


def test_ratios_and_directions_are_those_the_people_were_drawn_with():
    fitted = fit_session_whitening(*sessions(20_000, BETWEEN, WITHIN), ridge=1e-9)
    expected = 1 + (BETWEEN / np.where(WITHIN > 0, WITHIN, 1)) ** 2
    assert fitted.ratios[:3] == pytest.approx(np.sort(expected)[::-1][:3], rel=0.05)
    order = np.abs(fitted.projection[1:, :3]).argmax(axis=0) + 1
    assert order.tolist() == [3, 1, 2]


def test_projections_have_variance_one_within_people_before_they_are_weighted():
    first, second = sessions(5_000, BETWEEN, WITHIN)
    fitted = fit_session_whitening(first, second, ridge=1e-9)
    difference = (fitted(first) - fitted(second)) / np.sqrt((fitted.ratios - 1) / fitted.ratios)
    covariance = difference.T @ difference / len(difference) / 2
    assert covariance == pytest.approx(np.eye(len(fitted.ratios)), abs=1e-4)


def test_what_all_people_share_is_taken_off():
    pairs = sessions(500, BETWEEN, WITHIN)
    fitted = fit_session_whitening(*pairs)
    assert np.concatenate([fitted(side) for side in pairs]).mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_the_directions_are_those_of_scikit_learns_discriminant_analysis():
    first, second = sessions(300, BETWEEN, WITHIN)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (first, second)]
    oracle = LinearDiscriminantAnalysis(solver="eigen", n_components=2)
    # Direction 0 is the common part; it is left out because its variance within people is nothing but rounding.
    oracle.fit(np.concatenate(unit)[:, 1:], np.tile(np.arange(300), 2))
    fitted = fit_session_whitening(
        *(np.column_stack([x[:, :1] * 0 + 1000, x[:, 1:]]) for x in (first, second)), ridge=1e-9
    )
    for place in range(2):
        one, other = fitted.projection[1:, place], oracle.scalings_[:, place]
        assert abs(one @ other) / np.linalg.norm(one) / np.linalg.norm(other) > 0.999


def test_people_are_recognised_who_were_not_before():
    between = np.array([0.0, *[0.5] * 10, *[0.1] * 10])
    within = np.array([0.0, *[0.1] * 10, *[5.0] * 10])  # ten directions tell people apart, ten are louder
    fitted = fit_session_whitening(*sessions(3_000, between, within, seed=1), ridge=1e-4)
    gallery, probe = sessions(200, between, within, seed=2)
    plain = rank1_accuracy(gallery[:, 1:], range(200), probe[:, 1:], range(200))
    white = rank1_accuracy(fitted(gallery), range(200), fitted(probe), range(200))
    assert plain < 0.05 and white > 0.9


def test_the_order_of_pairs_and_the_lengths_of_vectors_do_not_matter():
    first, second = sessions(100, BETWEEN, WITHIN)
    order, lengths = np.random.default_rng(1).permutation(100), np.random.default_rng(2).uniform(0.1, 9, (100, 1))
    one, other = fit_session_whitening(first, second), fit_session_whitening(second[order] * lengths, first[order])
    assert np.abs(one(first)) == pytest.approx(np.abs(other(3 * first)), rel=1e-5, abs=1e-7)


def test_no_more_directions_are_kept_than_asked_for_or_than_tell():
    pairs = sessions(20_000, BETWEEN, WITHIN)
    assert fit_session_whitening(*pairs, dimensions=2).projection.shape == (6, 2)
    kept = fit_session_whitening(*pairs)
    assert (kept.ratios > 1).all() and len(kept.ratios) <= 6
    assert isinstance(kept, SessionWhitening) and kept(pairs[0]).shape == (20_000, len(kept.ratios))


@pytest.mark.parametrize(
    ("first", "second", "settings", "words"),
    [
        (np.ones((3, 2)), np.ones((2, 2)), {}, r"as many, at least 2, got \(3, 2\) and \(2, 2\)"),
        (np.ones((1, 2)), np.ones((1, 2)), {}, "as many, at least 2"),
        (np.eye(2), np.eye(2), {}, "must differ, got the same vectors twice"),
        (np.eye(2), np.zeros((2, 2)), {}, r"second must differ from zero, got a zero vector \(row 0\)"),
        (np.eye(2), np.full((2, 2), np.nan), {}, "second must be finite"),
        (np.eye(2), np.eye(2)[::-1], {"ridge": 0.0}, "ridge must be above 0 .* got 0.0"),
        (np.eye(2), np.eye(2)[::-1], {"dimensions": 0}, "dimensions at least 1, got 0.1 and 0"),
        (np.eye(2), np.eye(2)[::-1], {}, "people must differ more than sessions"),
    ],
)
def test_what_cannot_be_fitted_is_refused(first, second, settings, words):
    with pytest.raises(ValueError, match=words):
        fit_session_whitening(first, second, **settings)


def test_vectors_of_another_width_are_refused():
    fitted = fit_session_whitening(*sessions(100, BETWEEN, WITHIN))
    with pytest.raises(ValueError, match=r"as wide as those fitted on \(6\), got 5"):
        fitted(np.ones((3, 5)))
