"""Which recordings a resample draws, and the scores of every class in each resample.

Conventions:
    A resample draws units with replacement, as many as there are: recordings, or patients with all their recordings.
    It is written as weights, how often each recording stands in it. The same units and the same seed draw the same
    resamples, so differences between models on the same recordings are differences of pairs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from tqdm import tqdm

from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table, same_shape
from fairseq_signals.evaluation.weighted_scores import weighted_auc

ClassScore = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Scores `[R]` of one class from labels `[N]`, scores `[N]` and weights `[N, R]`; see `weighted_scores`."""

_CELLS_AT_ONCE = 2**24  # weights of 8 bytes: 128 MiB
_SECONDS_OF_SILENCE = 5


class Resampling:
    """Resamples of N recordings.

    Attributes:
        units: int `[N]`, the place of the unit that each recording belongs to, from 0.
        n_resamples: R.
        seed: of the draws.
    """

    def __init__(self, units: Sequence, n_resamples: int = 1000, seed: int = 1):
        """Numbers the units.

        Args:
            units: N names, equal for recordings that are drawn together (patient ids; of recordings themselves, ids).
            n_resamples: how many are drawn, at least 1.
            seed: of the draws.

        Raises:
            ValueError: no recording, or no resample.
        """
        if not len(units) or n_resamples < 1:
            raise ValueError(
                f"resampling must have at least one recording and one resample, got {len(units)} and {n_resamples}"
            )
        self.units = np.unique(np.asarray(units), return_inverse=True)[1]
        self.n_resamples, self.seed = n_resamples, seed

    def __len__(self) -> int:
        return len(self.units)

    @cached_property
    def firsts(self) -> np.ndarray:
        """Int `[U]`, the first recording of each unit."""
        return np.unique(self.units, return_index=True)[1]

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Which resamples, and their weights float64 `[N, r]`; however many at a time, the draws are the same."""
        draws, n_units = np.random.default_rng(self.seed), int(self.units.max()) + 1
        size = max(1, _CELLS_AT_ONCE // len(self))
        for start in range(0, self.n_resamples, size):
            stop = min(start + size, self.n_resamples)
            drawn = [
                np.bincount(draws.integers(0, n_units, n_units), minlength=n_units) for _ in range(start, stop)
            ]  # one resample at a time, so that they do not depend on the size of a block
            yield slice(start, stop), np.stack(drawn, axis=1).astype(np.float64)[self.units]


@dataclass(frozen=True)
class ClassScores:
    """One model's score of every class, on the recordings as they are and on each resample.

    Attributes:
        points: float64 `[C]`; NaN where a class lacks one of the labels.
        values: float64 `[C, R]`; NaN where a resample lost one of the labels, or there is no point.
        holders: int `[C]`, units that hold the rarer label of the class.
        drawn: int `[C, R]`, how often one of these units was drawn.
        positives: int `[C]`, recordings with the class.
    """

    points: np.ndarray
    values: np.ndarray
    holders: np.ndarray
    drawn: np.ndarray
    positives: np.ndarray


def class_scores(
    labels, scores, known, resampling: Resampling, score: ClassScore = weighted_auc, title: str = "resampling"
) -> ClassScores:
    """The scores of every class; where it takes long, progress goes to stderr.

    Args:
        labels: boolean `[N, C]`.
        scores: float `[N, C]`.
        known: boolean `[N, C]`, or None where everything is known; unknown cells are no part of their class.
        resampling: which resamples; a resample draws a recording for all of its classes.
        score: of one class.
        title: in front of the progress.

    Raises:
        ValueError: tables that do not fit each other or the resampling.
    """
    labels, scores = boolean_table(labels, "labels"), finite_table(scores, "scores")
    same_shape(scores, labels.shape, "scores")
    known = known_table(known, labels.shape)
    if len(resampling) != len(labels):
        raise ValueError(f"resampling must be of the {len(labels)} recordings scored, got one of {len(resampling)}")
    n_classes, shape = labels.shape[1], (labels.shape[1], resampling.n_resamples)
    points, values, drawn = np.full(n_classes, np.nan), np.full(shape, np.nan), np.zeros(shape, np.int64)
    for column in range(n_classes):
        rows = known[:, column]
        points[column] = score(labels[rows, column], scores[rows, column], np.ones((rows.sum(), 1)))[0]
    holding = _holding(labels, known, resampling)
    with tqdm(total=values.size, desc=title, delay=_SECONDS_OF_SILENCE, leave=False) as progress:
        for place, weights in resampling.blocks():
            drawn[:, place] = holding @ weights[resampling.firsts]
            for column in range(n_classes):
                rows = known[:, column]
                if not np.isnan(points[column]):
                    values[column, place] = score(labels[rows, column], scores[rows, column], weights[rows])
                progress.update(weights.shape[1])
    return ClassScores(points, values, holding.sum(axis=1), drawn, (labels & known).sum(axis=0))


def _holding(labels: np.ndarray, known: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Boolean `[C, U]`: units with the label that fewer known recordings of the class have."""
    positive, negative = labels & known, ~labels & known
    rarer = np.where(positive.sum(axis=0) <= negative.sum(axis=0), positive, negative)
    holding = np.zeros((labels.shape[1], len(resampling.firsts)), bool)
    rows, columns = np.nonzero(rarer)
    holding[columns, resampling.units[rows]] = True
    return holding
