"""What decisions at a threshold are worth: sensitivity, specificity and predictive values with Wilson's intervals.

Conventions: labels and decisions are boolean `[N]`, of recordings whose label is known. A share of nothing is NaN.
Predictive values are those at the prevalence of these recordings.

Source: Wilson 1927, J. Am. Stat. Assoc. 22:209, for the intervals, as SciPy has them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from fairseq_signals.evaluation.bootstrap import Interval


@dataclass(frozen=True)
class Decisions:
    """Counts of decisions by what is true, and the shares made of them.

    Attributes:
        true_positive, false_negative, true_negative, false_positive: recordings.
        sensitivity: share of the positives that are called so.
        specificity: share of the negatives that are called so.
        ppv, npv: share of those called positive (negative) that are.
        accuracy: share of right decisions.
    """

    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int
    sensitivity: Interval
    specificity: Interval
    ppv: Interval
    npv: Interval
    accuracy: Interval


def score_decisions(labels: np.ndarray, decisions: np.ndarray, level: float = 0.95) -> Decisions:
    """Counts and shares of decisions.

    Args:
        labels: boolean `[N]`.
        decisions: boolean `[N]`.
        level: of the intervals, between 0 and 1.
    """
    if labels.dtype != bool or decisions.dtype != bool or labels.shape != decisions.shape or labels.ndim != 1:
        raise ValueError(
            f"labels and decisions must be boolean and of one length, got {labels.dtype} {labels.shape} and "
            f"{decisions.dtype} {decisions.shape}"
        )
    hit, missed = int((labels & decisions).sum()), int((labels & ~decisions).sum())
    passed, alarm = int((~labels & ~decisions).sum()), int((~labels & decisions).sum())
    return Decisions(
        hit,
        missed,
        passed,
        alarm,
        sensitivity=wilson(hit, hit + missed, level),
        specificity=wilson(passed, passed + alarm, level),
        ppv=wilson(hit, hit + alarm, level),
        npv=wilson(passed, passed + missed, level),
        accuracy=wilson(hit + passed, len(labels), level),
    )


def wilson(hits: int, trials: int, level: float = 0.95) -> Interval:
    """A share with Wilson's score interval; NaN of no trials."""
    if not trials:
        return Interval(float("nan"), float("nan"), float("nan"))
    ends = binomtest(hits, trials).proportion_ci(level, "wilson")
    return Interval(hits / trials, float(ends.low), float(ends.high))
