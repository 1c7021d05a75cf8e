"""Scores of one class under many weightings of its recordings at once.

Conventions:
    Labels are boolean `[N]`, scores float `[N]`, weights `[N, R]`: how often each recording stands in each of R
    resamples. A resample in which one of the two labels has no weight has no score (NaN). Sums of whole weights are
    exact, so a class that every resample orders alike has the same score in all of them, to the last digit.

Metrics:
    `weighted_auc`, `weighted_average_precision`: what scikit-learn has with `sample_weight`, ties included.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix


def weighted_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve in each resample, float64 `[R]`.

    Args:
        labels: boolean `[N]`.
        scores: float `[N]`, finite.
        weights: `[N, R]`, not negative.
    """
    sums = _Sums.of(labels, scores, weights)
    pairs = np.einsum("dr,dr->r", sums.positive, sums.below + sums.up_to)  # twice the pairs in right order
    return _quotient(pairs, 2 * sums.positives * sums.negatives)


def weighted_average_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Step-wise area under precision over recall in each resample, float64 `[R]`.

    Arguments are those of `weighted_auc`.
    """
    sums = _Sums.of(labels, scores, weights)
    found = np.cumsum(sums.positive[::-1], axis=0)[::-1]  # [D, R], positives at this score or above
    called = found + sums.negatives - sums.below
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    areas = _quotient(np.einsum("dr,dr->r", sums.positive, precision), sums.positives)
    return np.where(sums.negatives > 0, areas, np.nan)


WEIGHTED_SCORES = {"macro_auc": weighted_auc, "macro_average_precision": weighted_average_precision}
"""The score of a class by the name of its average over the classes."""


@dataclass(frozen=True)
class _Sums:
    """Weights added up at the D different scores that positives have, in ascending order.

    Attributes:
        positive: `[D, R]`, of positives with this score.
        below, up_to: `[D, R]`, of negatives with a lower score, with a lower one or this one.
        positives, negatives: `[R]`, of all.
    """

    positive: np.ndarray
    below: np.ndarray
    up_to: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> "_Sums":
        weights = np.asarray(weights, np.float64)
        positive, negative = np.flatnonzero(labels), np.flatnonzero(~labels)
        steps, place = np.unique(scores[positive], return_inverse=True)
        # Negatives fall between two steps (even bins) or onto one (odd bins).
        bins = np.searchsorted(steps, scores[negative], "left") + np.searchsorted(steps, scores[negative], "right")
        added = np.cumsum(_added(bins, negative, 2 * len(steps) + 1, weights), axis=0)
        here = _added(place, positive, len(steps), weights)
        return cls(here, added[:-1:2], added[1::2], here.sum(axis=0), added[-1])


def _added(bins: np.ndarray, rows: np.ndarray, n_bins: int, weights: np.ndarray) -> np.ndarray:
    """The rows of `weights` added up by bin, `[n_bins, R]`."""
    return csr_matrix((np.ones(len(rows)), (bins, rows)), shape=(n_bins, len(weights))) @ weights


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
