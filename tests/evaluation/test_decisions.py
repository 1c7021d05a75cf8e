"""Shares of decisions beside counting, Wilson's interval beside its closed form."""

import math

import numpy as np
import pytest

from fairseq_signals.evaluation.decisions import score_decisions, wilson


def plain_wilson(hits, n, z=1.959963984540054):
    share, room = hits / n, z * z / n
    middle = (share + room / 2) / (1 + room)
    width = z / (1 + room) * math.sqrt(share * (1 - share) / n + room / (4 * n))
    return share, middle - width, middle + width


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (7, 7), (3, 11), (480, 500)])
def test_intervals_are_wilsons(hits, n):
    assert wilson(hits, n) == pytest.approx(plain_wilson(hits, n), abs=1e-9)


def test_counts_and_shares_recording_by_recording():
    draws = np.random.default_rng(1)
    labels, decisions = draws.random(50) < 0.3, draws.random(50) < 0.5
    found = score_decisions(labels, decisions)
    pairs = list(zip(labels.tolist(), decisions.tolist(), strict=True))
    counts = [pairs.count(pair) for pair in ((True, True), (True, False), (False, False), (False, True))]
    assert [found.true_positive, found.false_negative, found.true_negative, found.false_positive] == counts
    hit, missed, passed, alarm = counts
    assert found.sensitivity == pytest.approx(plain_wilson(hit, hit + missed))
    assert found.specificity == pytest.approx(plain_wilson(passed, passed + alarm))
    assert found.ppv == pytest.approx(plain_wilson(hit, hit + alarm))
    assert found.npv == pytest.approx(plain_wilson(passed, passed + missed))
    assert found.accuracy == pytest.approx(plain_wilson(hit + passed, 50))


def test_a_share_of_nothing_is_nan():
    found = score_decisions(np.ones(4, bool), np.ones(4, bool))
    assert found.sensitivity.point == 1 and np.isnan(found.specificity).all() and np.isnan(found.npv).all()
    with pytest.raises(ValueError, match="labels and decisions must be boolean and of one length"):
        score_decisions(np.ones(4, bool), np.ones(3, bool))
