"""Thresholds against trying every cut by brute force."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fairseq_signals.evaluation.cinc2021 import CLASSES, challenge_score, expand
from fairseq_signals.evaluation.f1 import macro_f1
from fairseq_signals.evaluation.thresholds import (
    CANDIDATES,
    decide,
    default_objective,
    fit_class_thresholds,
    fit_threshold,
)

CODES = ["164889003", "426783006", "59118001", "713427006", "284470004"]


def example(seed: int, n: int = 60, n_classes: int = 5, digits: int = 2):
    random = np.random.default_rng(seed)
    labels = random.random((n, n_classes)) < 0.3
    scores = np.clip(0.25 * labels + 0.75 * random.random((n, n_classes)) ** 2, 0, 1)
    return labels, np.round(scores, digits)


def every_cut(scores):
    values = np.unique(scores)
    return [0.0, *(values[:-1] + values[1:]) / 2, 1.0000000001]


def cinc(labels, decisions):
    return challenge_score(expand(labels, CODES), expand(decisions, CODES))


def test_a_class_is_decided_where_its_score_reaches_the_threshold():
    scores = np.array([[0.4, 0.5], [0.6, 0.1]])
    assert decide(scores, 0.5).tolist() == [[False, True], [True, False]]
    assert decide(scores, [0.3, 0.6]).tolist() == [[True, False], [True, False]]
    # 0.3 as float32 is above 0.3 as float64: compared in float64, the stored number is what counts
    assert decide(np.array([[0.3]], dtype=np.float32), 0.3).all()


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_each_class_is_the_best_of_all_cuts(seed):
    labels, scores = example(seed)
    thresholds = fit_class_thresholds(labels, scores, "abcde")
    for column, threshold in enumerate(thresholds):
        truth, values = labels[:, column], scores[:, column]
        best = max(f1_score(truth, values >= cut, zero_division=0) for cut in every_cut(values))
        assert f1_score(truth, values >= threshold) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("share_known", [1.0, 0.6])
@pytest.mark.parametrize("seed", [0, 1, 2, 15, 39])  # the last two need more than one round
def test_cinc_thresholds_cannot_be_bettered_in_one_class(seed, share_known):
    labels, scores = example(seed)
    known = np.random.default_rng(seed).random(labels.shape) < share_known
    thresholds = fit_class_thresholds(labels, scores, CODES, known=known)

    def score(threshold):
        return cinc(labels & known, (scores >= threshold) & known)

    assert score(thresholds) >= score(fit_threshold(labels, scores, CODES, known=known)) - 1e-12
    for column in range(5):
        for cut in every_cut(scores[:, column]):
            other = thresholds.copy()
            other[column] = cut
            assert score(other) <= score(thresholds) + 1e-9


def test_cinc_thresholds_of_two_classes_are_the_best_of_all_pairs_here():
    labels, scores = example(7, n=40, n_classes=2, digits=1)
    thresholds = fit_class_thresholds(labels, scores, ["164889003", "39732003"])

    def score(pair):
        decisions = scores >= np.array(pair)
        return challenge_score(*(expand(table, ["164889003", "39732003"]) for table in (labels, decisions)))

    pairs = itertools.product(every_cut(scores[:, 0]), every_cut(scores[:, 1]))
    assert score(thresholds) == pytest.approx(max(map(score, pairs)), abs=1e-9)


@pytest.mark.parametrize(("classes", "score"), [(CODES, cinc), ("abcde", macro_f1)])
def test_common_threshold_is_the_best_candidate(classes, score):
    labels, scores = example(11)
    values = [score(labels, scores >= candidate) for candidate in CANDIDATES]
    assert score(labels, scores >= fit_threshold(labels, scores, classes)) == pytest.approx(max(values), abs=1e-12)


def test_common_threshold_maximises_a_given_function():
    labels, scores = example(2)
    threshold = fit_threshold(labels, scores, "abcde", lambda labels, decisions, known: -abs(decisions.mean() - 0.25))
    assert abs((scores >= threshold).mean() - 0.25) < 0.05


def test_ties_go_to_one_half_and_then_to_the_lower():
    assert 0.5 in CANDIDATES
    labels, scores = np.array([[0], [1]]), np.array([[0.1], [0.9]])
    assert fit_threshold(labels, scores, "a") == 0.5
    assert fit_class_thresholds(labels, scores, "a").tolist() == [0.5]
    # F1 is 2/3 for the first alone and for all four: cuts at 0.8 and 0.2
    labels, scores = np.array([[1], [0], [0], [1]]), np.array([[0.9], [0.7], [0.5], [0.4]])
    assert fit_class_thresholds(labels, scores, "a").tolist() == [0.2]
    scores = np.array([[0.9], [0.6], [0.4], [0.1]])
    lower = fit_threshold(labels, scores, "a", lambda labels, decisions, known: 1.0 - (decisions.sum() == 2))
    assert lower == CANDIDATES[CANDIDATES <= 0.4].max()


def test_one_half_stays_where_no_score_lies_between():
    labels, scores = np.array([[1], [0]]), np.array([[0.8], [0.1]])
    assert fit_class_thresholds(labels, scores, "a").tolist() == [0.5]


def test_a_class_that_only_costs_is_never_decided():
    # one AF of low score; ten recordings in sinus rhythm that a sure model takes for AF
    labels = np.array([[1, 0]] + [[0, 1]] * 10)
    scores = np.array([[0.2, 0.1]] + [[1.0, 0.9]] * 10)
    classes = ["164889003", "426783006"]
    thresholds = fit_class_thresholds(labels, scores, classes)
    assert thresholds[0] > 1 and not decide(scores, thresholds)[:, 0].any()
    outcomes = {
        cut: challenge_score(expand(labels, classes), expand(scores >= [cut, 0.5], classes)) for cut in (0.1, 0.5, 2)
    }
    assert max(outcomes, key=outcomes.get) == 2


def test_unknown_decisions_cost_nothing():
    labels, scores = np.array([[1, 0]] * 3), np.array([[0.9, 0.7]] * 3)
    known = np.array([[True, False]] * 3)
    classes = ["164889003", "426783006"]
    assert fit_threshold(labels, scores, classes, known=known) == 0.5
    assert fit_threshold(labels, scores, classes) > 0.7


def test_unknown_cells_do_not_move_a_threshold():
    labels, scores = example(4)
    known = np.random.default_rng(0).random(labels.shape) < 0.7
    turned = np.where(known, labels, ~labels), np.where(known, scores, 1 - scores)
    for classes in (CODES, "abcde"):
        for fit in (fit_threshold, fit_class_thresholds):
            assert np.array_equal(fit(labels, scores, classes, known=known), fit(*turned, classes, known=known))
    rows = known[:, 0]
    alone = fit_class_thresholds(labels[rows][:, :1], scores[rows][:, :1], "a")
    assert fit_class_thresholds(labels, scores, "abcde", known=known)[0] == alone[0]


def test_a_class_without_positives_keeps_its_start():
    labels, scores = example(6)
    labels[:, 2] = False
    assert fit_class_thresholds(labels, scores, "abcde")[2] == 0.5
    assert fit_class_thresholds(labels, scores, CODES)[2] == fit_threshold(labels, scores, CODES)
    assert fit_threshold(np.zeros((4, 2)), np.zeros((4, 2)), "ab") == 0.5


def test_extreme_probabilities_can_be_cut_on_either_side():
    labels = np.array([[1], [1], [0], [0]])
    nothing = fit_class_thresholds(labels, np.array([[0.0], [0.0], [1.0], [1.0]]), "a")
    assert decide(np.array([[0.0], [1.0]]), nothing).tolist() == [[True], [True]]
    neighbours = np.array([[np.nextafter(0.7, 1)], [np.nextafter(0.7, 1)], [0.7], [0.7]])
    assert (decide(neighbours, fit_class_thresholds(labels, neighbours, "a")) == labels).all()


def test_objective_follows_the_classes():
    assert default_objective(CLASSES) == default_objective(CODES) == "cinc_score"
    assert default_objective(["164889003", "NORM"]) == "macro_f1"


def test_bad_input_is_refused():
    labels, scores = example(0)
    with pytest.raises(ValueError, match=r"scores must be probabilities between 0 and 1 .* got 0 to 4"):
        decide(np.array([[0.0, 4.0]]), 0.5)
    with pytest.raises(ValueError, match="threshold must be one finite number or 5"):
        decide(scores, [0.5, 0.5])
    with pytest.raises(ValueError, match="threshold must be one finite number"):
        decide(scores, float("nan"))
    with pytest.raises(ValueError, match=r"objective must be cinc_score, macro_f1 or a function, got 'auc'"):
        fit_threshold(labels, scores, CODES, "auc")
    with pytest.raises(ValueError, match="per class must be cinc_score or macro_f1, got 'auc'"):
        fit_class_thresholds(labels, scores, CODES, "auc")
