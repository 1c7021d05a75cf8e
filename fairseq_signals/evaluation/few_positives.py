"""How far each class's score strays from its point over the resamples, made as wide as few positives deserve.

A resample draws p positives from the p that there are. The spread that this shows is too small: of the variance that p
new positives would have, it shows (p - 1) E[1/q], where q is the number drawn, given that there is one: 87 % for
p = 3, 58 % for p = 2 and nothing at all for p = 1, because a single positive drawn again is itself. On PTB-XL's fold
10, where 10 of 71 classes have one or two positives, these make most of the true variance of the macro AUC.

Conventions:
    Deviations are float64 `[C, R]`, score of a class in a resample less its point; NaN where the resample lost the
    class. Where patients are resampled, p and q count patients. Where a class has fewer negatives than positives, they
    count negatives.
"""

import numpy as np

from fairseq_signals.evaluation.resampling import ClassScores

FEW = 10
"""Classes with so many holders of the rarer label lend their deviations to those that have a single one."""


def plain_deviations(scores: ClassScores) -> np.ndarray:
    """Value less point, `[C, R]`; for the area under the ROC curve its mean over recordings' resamples is 0."""
    return scores.values - scores.points[:, None]


def widened_deviations(scores: ClassScores, seed: int) -> np.ndarray:
    """Deviations `[C, R]` around 0 with the spread that as many positives have when they are drawn anew.

    Their mean is taken off: chance where recordings are resampled for the area under the ROC curve, but of patients it
    is a little more, and average precision rises in every resample because of positives that stand in it twice.
    Those of a class with p holders are multiplied by 1 / sqrt((p - 1) E[1/q]). A class with a single holder borrows,
    in each resample, those of a class with 2 to 10 drawn at random (of the rarest others where there is none), times
    the square root of their number, as if the spread of one positive were alike in rare classes. NaN throughout where
    there is no class to borrow from.

    Args:
        scores: of all classes; which of them borrow depends on the labels alone, so that it is the same in all models.
        seed: of the draws.
    """
    plain = plain_deviations(scores)
    widened = (plain - _means(plain)[:, None]) * _factors(scores)[:, None]
    defined = ~np.isnan(scores.points)
    lenders = _lenders(scores.holders, defined)
    draws = np.random.default_rng([seed, FEW])  # other draws than the resamples' own
    resamples = np.arange(widened.shape[1])
    for column in np.flatnonzero(defined & (scores.holders == 1)):
        widened[column] = np.nan
        if len(lenders):
            chosen = draws.choice(lenders, len(resamples))
            widened[column] = widened[chosen, resamples] * np.sqrt(scores.holders[chosen])
    return widened


def _means(plain: np.ndarray) -> np.ndarray:
    there = ~np.isnan(plain)
    return np.where(there, plain, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)


def _factors(scores: ClassScores) -> np.ndarray:
    """1 / sqrt((p - 1) E[1/q]) by class, 1 where p is below 2."""
    with np.errstate(divide="ignore"):
        reciprocals = np.where(scores.drawn > 0, 1 / scores.drawn, 0.0)
    mean = reciprocals.sum(axis=1) / np.maximum((scores.drawn > 0).sum(axis=1), 1)
    shown = (scores.holders - 1) * mean
    return 1 / np.sqrt(np.where(shown > 0, shown, 1.0))


def _lenders(holders: np.ndarray, defined: np.ndarray) -> np.ndarray:
    several = defined & (holders >= 2)
    fewest = holders[several].min() if several.any() else 0
    return np.flatnonzero(several & (holders <= max(FEW, fewest)))
