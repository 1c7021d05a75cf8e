"""Confidence intervals of macro scores over other recordings, by resampling those at hand.

A rare class is missing from many resamples: of PTB-XL's 71 classes, ten have one or two positives in fold 10, and
nine of ten resamples lose one. Averaging over the classes that are left compares different sets of classes, so
that losing a hard class looks like a better model. Drawing again until every class is there takes recordings with rare
classes too often, whatever else they are, and takes long. Here the resamples move each class from its own point: the
deviations of the classes that a resample has are averaged and added to the macro score of all classes. A class that is
lost so takes the mean deviation of the others. Given how many positives are drawn, a class's resampled AUC is unbiased,
hence the deviations are 0 on average and the point lies amidst its interval; and they are made as wide as few positives
deserve (`few_positives`), and of other scores set back to 0.
`tests/evaluation/test_bootstrap.py` simulates all of this.

Conventions:
    Intervals are percentiles. They speak of other recordings (or patients) like these, for the model as it is; what
    another training would give is seen from runs (`intervals`). NaN where there is none.

Source: Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676), section 3.2: 1,000 resamples of the test set, 95 %.

Differs: they do not say what becomes of lost classes, and they take the resamples' spread as it is; `widened=False`
does so, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fairseq_signals.evaluation.auc import mean_of_defined
from fairseq_signals.evaluation.few_positives import plain_deviations, widened_deviations
from fairseq_signals.evaluation.resampling import ClassScore, ClassScores, Resampling, class_scores
from fairseq_signals.evaluation.weighted_scores import weighted_auc


class Interval(NamedTuple):
    """A score and the ends of its confidence interval."""

    point: float
    lower: float
    upper: float


class MacroResamples(NamedTuple):
    """The macro score of a model and what it is in each resample.

    Attributes:
        point: mean of the classes' points.
        values: float64 `[R]`; between two models that scored the same labels, their differences are those of pairs.
    """

    point: float
    values: np.ndarray


def macro_interval(
    labels,
    scores,
    known=None,
    units: Sequence | None = None,
    score: ClassScore = weighted_auc,
    n_resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    widened: bool = True,
) -> Interval:
    """The macro score of a model with its confidence interval.

    Args:
        labels: boolean `[N, C]`.
        scores: float `[N, C]`.
        known: boolean `[N, C]`, or None where everything is known.
        units: N patient ids, to draw patients with all their recordings; None draws recordings.
        score: of one class; see `weighted_scores`.
        n_resamples: how many.
        seed: of the draws.
        level: the confidence, between 0 and 1.
        widened: whether deviations are widened for few positives.

    Raises:
        ValueError: tables or units that do not fit each other, a level outside 0 to 1.
    """
    resampling = Resampling(range(len(labels)) if units is None else units, n_resamples, seed)
    scores = class_scores(labels, scores, known, resampling, score)
    macro = macro_resamples(scores, deviations(scores, seed, widened))
    return Interval(macro.point, *percentile_interval(macro.values, level))


def deviations(scores: ClassScores, seed: int = 1, widened: bool = True) -> np.ndarray:
    """Deviations of the classes `[C, R]`, as they are or widened for few positives."""
    return widened_deviations(scores, seed) if widened else plain_deviations(scores)


def macro_resamples(scores: ClassScores, moved: np.ndarray, chosen: np.ndarray | None = None) -> MacroResamples:
    """The mean of the classes' points, and in each resample that mean plus the mean of their deviations.

    Args:
        scores: of all classes.
        moved: float64 `[C, R]`, their `deviations`.
        chosen: boolean `[C]`, the classes to average over; None takes all. Those without a point do not count.
    """
    chosen = np.ones(len(scores.points), bool) if chosen is None else np.asarray(chosen, bool)
    there = ~np.isnan(moved[chosen])
    sums = np.where(there, moved[chosen], 0.0).sum(axis=0)
    mean = np.divide(sums, there.sum(axis=0), out=np.full(len(sums), np.nan), where=there.any(axis=0))
    point = mean_of_defined(scores.points[chosen])
    return MacroResamples(point, point + mean)


def difference(model: MacroResamples, baseline: MacroResamples, level: float = 0.95) -> Interval:
    """How much higher a model scores than another on the same recordings, with its confidence interval.

    Both must come from the same resampling and the same labels, so that they meet the same resamples and classes.
    """
    return Interval(model.point - baseline.point, *percentile_interval(model.values - baseline.values, level))


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The ends between which the middle part `level` of the values lies; NaN values are left out.

    Raises:
        ValueError: a level outside 0 to 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"confidence level must lie between 0 and 1, got {level}")
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan"), float("nan")
    lower, upper = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)
