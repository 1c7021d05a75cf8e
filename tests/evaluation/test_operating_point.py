"""Chosen thresholds beside a search through every cut between the scores."""

import numpy as np
import pytest

from fairseq_signals.evaluation.operating_point import PointRule, choose_threshold, parse_point


def cohort(seed, n=40):
    draws = np.random.default_rng(seed)
    labels = draws.random(n) < 0.4
    labels[:2] = True, False
    return labels, np.round(np.clip(0.4 + 0.2 * labels + 0.15 * draws.normal(size=n), 0, 1), 2)


def reached(labels, scores, threshold):
    """Sensitivity and specificity, recording by recording."""
    hits = sum(1 for label, score in zip(labels, scores, strict=True) if label and score >= threshold)
    passes = sum(1 for label, score in zip(labels, scores, strict=True) if not label and score < threshold)
    return hits / sum(labels), passes / (len(labels) - sum(labels))


def every(labels, scores):
    steps = sorted(set(scores.tolist()))
    return [reached(labels, scores, cut) for cut in [*steps, steps[-1] + 1]]


@pytest.mark.parametrize("seed", range(6))
def test_each_rule_finds_the_best_cut_there_is(seed):
    labels, scores = cohort(seed)
    cuts = every(labels, scores)
    found = {
        text: reached(labels, scores, choose_threshold(parse_point(text), labels, scores))
        for text in ("youden", "sensitivity=0.8", "specificity=0.95", "sensitivity=1")
    }
    assert sum(found["youden"]) == pytest.approx(max(map(sum, cuts)))
    for text, held, other, least in (
        ("sensitivity=0.8", 0, 1, 0.8),
        ("specificity=0.95", 1, 0, 0.95),
        ("sensitivity=1", 0, 1, 1.0),
    ):
        assert found[text][held] >= least
        assert found[text][other] == max(cut[other] for cut in cuts if cut[held] >= least)


def test_the_threshold_lies_between_two_scores_and_does_not_depend_on_their_order():
    labels, scores = np.array([False, False, True, True]), np.array([0.1, 0.2, 0.6, 0.8])
    assert choose_threshold(parse_point("youden"), labels, scores) == pytest.approx(0.4)
    assert choose_threshold(parse_point("youden"), labels[::-1], scores[::-1]) == pytest.approx(0.4)
    assert choose_threshold(parse_point("sensitivity=0"), labels, scores) == pytest.approx(0.4)  # none missed for it
    # Of two equally good thresholds the lower: recordings 0.3 and 0.5 exchange one mistake.
    labels, scores = np.array([False, True, False, True]), np.array([0.1, 0.3, 0.5, 0.7])
    assert choose_threshold(parse_point("youden"), labels, scores) == pytest.approx(0.2)


def test_a_given_threshold_stays_as_it_is():
    assert choose_threshold(parse_point("0.31"), np.zeros(3, bool), np.zeros(3)) == 0.31
    assert parse_point("sensitivity=0.9") == PointRule("sensitivity", 0.9)


@pytest.mark.parametrize("text", ["", "best", "1.5", "youden=1", "sensitivity", "sensitivity=90", "ppv=0.5", "nan"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match="operating point must be a threshold from 0 to 1, youden, sensitivity=SHARE"):
        parse_point(text)


def test_choosing_needs_both_labels():
    with pytest.raises(ValueError, match="must have both labels, got 3 positive of 3"):
        choose_threshold(parse_point("youden"), np.ones(3, bool), np.zeros(3))
