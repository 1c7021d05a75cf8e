"""The mean of repeated runs and how far to trust it.

Conventions:
    A value is one run's score; runs differ in nothing but their seed. The interval speaks of the mean of many such
    runs and not of other patients: another test set would move it, too. NaN means that a number cannot be had.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The mean of values and the half-width of its confidence interval, after Student's t distribution.

    `half_width = t * s / sqrt(n)`, where s is the standard deviation with n - 1 below the line and t the quantile
    of n - 1 degrees of freedom (4.303 for three seeds at 95 %).

    Args:
        values: n scores, one per seed; a NaN among them makes both results NaN.
        level: the confidence, between 0 and 1.

    Returns:
        mean: their mean.
        half_width: NaN for a single value, which says nothing about its spread.

    Raises:
        ValueError: no value, an infinite one, or a level outside 0 to 1.

    Differs: Oh et al. 2022 (https://arxiv.org/abs/2203.06889) give "mean and 95 % confidence interval across 3 seeds"
    and do not say how they made the interval. With three seeds Student's t is 2.2 times as wide as the normal
    quantile 1.960, so the two columns of half-widths need not be alike where the spreads are.
    """
    values = _runs(values)
    if not 0 < level < 1:
        raise ValueError(f"confidence level must lie between 0 and 1, got {level}")
    n = len(values)
    if n == 1:
        return float(values[0]), math.nan
    quantile = stats.t.ppf((1 + level) / 2, n - 1)
    return float(values.mean()), float(quantile * values.std(ddof=1) / math.sqrt(n))


def mean_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean of values and their standard deviation (n - 1 below the line), NaN for a single value.

    Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676) give these, over ten fine-tunings of one pre-training.

    Args:
        values: n scores, one per seed; a NaN among them makes both results NaN.

    Raises:
        ValueError: no value, or an infinite one.
    """
    values = _runs(values)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _runs(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or np.isinf(values).any():
        raise ValueError(f"values of runs must be a list of at least one finite number or NaN, got {values.tolist()}")
    return values


def in_last_digits(mean: float, deviation: float, digits: int = 4) -> str:
    """A mean with its standard deviation in units of the last digit: 0.9418(14) is 0.9418 ± 0.0014.

    Args:
        mean: of the runs.
        deviation: NaN where there is none; then the mean stands alone.
        digits: behind the point.
    """
    return f"{mean:.{digits}f}" + ("" if math.isnan(deviation) else f"({round(deviation * 10**digits):02d})")
