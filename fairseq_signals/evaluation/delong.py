"""The area under one ROC curve with DeLong's confidence interval, and the difference of two on the same recordings.

Conventions: labels are boolean `[N]`, scores float `[N]`, of recordings whose label is known. Where a label is missing
there is no area (NaN). The interval speaks of other recordings like these, drawn one by one; where patients have
several, drawing patients (`resampling.Resampling` with their ids) is the honest way.

Source: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837; placement values by midranks as in Sun & Xu 2014,
IEEE Signal Processing Letters 21:1389.
"""

import numpy as np
from scipy.stats import norm, rankdata

from fairseq_signals.evaluation.arrays import boolean_table, finite_table, same_shape
from fairseq_signals.evaluation.bootstrap import Interval

_NONE = Interval(float("nan"), float("nan"), float("nan"))


def placements(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How well each recording stands among those of the other label; ties count a half.

    Returns:
        float64 `[P]`: for each positive, the share of negatives that score lower.
        float64 `[Q]`: for each negative, the share of positives that score higher.
    """
    positive, negative = scores[labels], scores[~labels]
    ranks = rankdata(np.concatenate([positive, negative]))
    n_positive, n_negative = len(positive), len(negative)
    above = (ranks[:n_positive] - rankdata(positive)) / n_negative
    below = 1 - (ranks[n_positive:] - rankdata(negative)) / n_positive
    return above, below


def auc_interval(labels, scores, level: float = 0.95) -> Interval:
    """The area under the ROC curve and the ends of its interval, which is symmetric and cut at 0 and 1.

    NaN where a label is missing; the ends alone are NaN where a label stands once, whose spread nobody knows. Where
    the scores part the labels without a mistake the interval has no width, which says little of other recordings.

    Args:
        labels: boolean `[N]`.
        scores: float `[N]`.
        level: the confidence, between 0 and 1.

    Raises:
        ValueError: another shape, scores that are not finite, a level outside 0 to 1.
    """
    labels, (scores,) = _checked(labels, [scores], level)
    if labels.all() or not labels.any():
        return _NONE
    above, below = placements(labels, scores)
    return _interval(above.mean(), _variance(above, below), level, 0.0, 1.0)


def auc_difference(labels, scores, other, level: float = 0.95) -> tuple[Interval, float]:
    """How much larger the area by `scores` is than by `other` on the same recordings, and the two-sided p-value.

    Args:
        labels: boolean `[N]`.
        scores: float `[N]`, of one model.
        other: float `[N]`, of the other.
        level: the confidence, between 0 and 1.

    Returns:
        The difference with its interval, and p; all NaN where a label is missing, and the spread where one stands once.
        p is 1 where both models order alike.
    """
    labels, both = _checked(labels, [scores, other], level)
    if labels.all() or not labels.any():
        return _NONE, float("nan")
    first, second = (placements(labels, one) for one in both)
    above, below = first[0] - second[0], first[1] - second[1]
    difference, variance = float(above.mean()), _variance(above, below)
    interval = _interval(difference, variance, level, -1.0, 1.0)
    if not variance > 0:
        return interval, (1.0 if variance == 0 and difference == 0 else float("nan"))
    return interval, float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def _variance(above: np.ndarray, below: np.ndarray) -> float:
    if min(len(above), len(below)) < 2:
        return float("nan")
    return float(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))


def _interval(point: float, variance: float, level: float, lowest: float, highest: float) -> Interval:
    width = float(norm.ppf((1 + level) / 2)) * np.sqrt(variance)
    return Interval(float(point), float(np.maximum(point - width, lowest)), float(np.minimum(point + width, highest)))


def _checked(labels, scores, level) -> tuple[np.ndarray, list[np.ndarray]]:
    if not 0 < level < 1:
        raise ValueError(f"confidence level must lie between 0 and 1, got {level}")
    labels = boolean_table(np.asarray(labels)[:, None], "labels")
    tables = [finite_table(np.asarray(one)[:, None], "scores") for one in scores]
    for table in tables:
        same_shape(table, labels.shape, "scores")
    return labels[:, 0], [table[:, 0] for table in tables]
