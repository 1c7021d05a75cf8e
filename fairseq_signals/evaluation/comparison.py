"""Models beside each other on the same recordings, each with one run or several, and one of them as the baseline.

Conventions:
    Runs of a label differ in their seed. A score is the mean over classes. Intervals are those of `bootstrap`: of
    other recordings; the standard deviation is that of other trainings. NaN where a number cannot be had.

Source: Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676), section 3.2 and table 2: mean and standard
deviation over ten runs, and the share of all pairs of runs of two models in which the 95 % confidence interval of the
difference lies above zero.

Differs: the share below zero, the interval of the difference of the means and the scores over classes with enough
positives are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from fairseq_signals.evaluation.bootstrap import (
    Interval,
    MacroResamples,
    deviations,
    difference,
    macro_resamples,
    percentile_interval,
)
from fairseq_signals.evaluation.intervals import mean_deviation
from fairseq_signals.evaluation.predictions import Predictions, require_baseline, require_same
from fairseq_signals.evaluation.resampling import ClassScores, Resampling, class_scores
from fairseq_signals.evaluation.weighted_scores import WEIGHTED_SCORES

ENOUGH = (1, 5, 10, 20, 50)
"""Numbers of positives from which classes are averaged."""


@dataclass(frozen=True)
class ScoredRuns:
    """The runs of one label.

    Attributes:
        scores: of every run.
        moved: by run, the classes' deviations `[C, R]`.
    """

    scores: tuple[ClassScores, ...]
    moved: tuple[np.ndarray, ...]

    def macros(self, at_least: int = 0) -> list[MacroResamples]:
        """By run, the macro score over the classes with so many positives, and its resamples."""
        pairs = zip(self.scores, self.moved, strict=True)
        return [macro_resamples(scores, moved, scores.positives >= at_least) for scores, moved in pairs]


@dataclass(frozen=True)
class ComparedModel:
    """A line of the comparison.

    Attributes:
        label: of the model.
        values: macro score by run.
        mean, deviation: of the runs' scores.
        interval: mean over the runs of their points and of the ends of their intervals: what to expect of one run.
        by_positives: by number in `ENOUGH`, how many classes have so many positives, and mean and deviation over the
            runs of the macro score over these.
        difference: of the mean over runs from the baseline's, with its interval; None for the baseline.
        above, below: share of pairs of runs, one of either, with an interval of the difference above or below zero.
    """

    label: str
    values: tuple[float, ...]
    mean: float
    deviation: float
    interval: Interval
    by_positives: Mapping[int, tuple[int, float, float]]
    difference: Interval | None = None
    above: float = float("nan")
    below: float = float("nan")


def score_runs(
    runs: Mapping[str, Sequence[Predictions]],
    resampling: Resampling,
    metric: str = "macro_auc",
    widened: bool = True,
) -> dict[str, ScoredRuns]:
    """Scores of all runs by label, on the same resamples.

    Args:
        runs: by label; see `predictions`.
        resampling: of the recordings in the order of the first run.
        metric: a name in `WEIGHTED_SCORES`.
        widened: whether deviations are widened for few positives.

    Raises:
        ValueError: runs of other recordings, classes or labels; another metric.
    """
    if metric not in WEIGHTED_SCORES:
        raise ValueError(f"metric must be one of {', '.join(WEIGHTED_SCORES)}, got {metric!r}")
    found = {}
    for label, group in require_same(runs).items():
        scores = tuple(
            class_scores(run.labels, run.scores, run.known, resampling, WEIGHTED_SCORES[metric], f"{label} {number}")
            for number, run in enumerate(group, 1)
        )
        found[label] = ScoredRuns(scores, tuple(deviations(run, resampling.seed, widened) for run in scores))
    return found


def compare(runs: Mapping[str, ScoredRuns], baseline: str | None = None, level: float = 0.95) -> list[ComparedModel]:
    """A line for each label in the order given.

    Args:
        runs: by label, all from the same `score_runs`.
        baseline: the label that the others are compared with; None compares nothing.
        level: the confidence of the intervals.

    Raises:
        ValueError: the baseline is no label.
    """
    require_baseline(runs, baseline)
    return [_compared(label, runs[label], runs.get(baseline) if label != baseline else None, level) for label in runs]


def _compared(label: str, runs: ScoredRuns, baseline: ScoredRuns | None, level: float) -> ComparedModel:
    macros = runs.macros()
    values = tuple(macro.point for macro in macros)
    ends = np.array([percentile_interval(macro.values, level) for macro in macros])
    mean, deviation = mean_deviation(values)
    by_positives = {}
    for least in ENOUGH:
        n_classes = int((~np.isnan(runs.scores[0].points) & (runs.scores[0].positives >= least)).sum())
        by_positives[least] = (n_classes, *mean_deviation([macro.point for macro in runs.macros(least)]))
    interval = Interval(mean, *map(float, ends.mean(axis=0)))
    if baseline is None:
        return ComparedModel(label, values, mean, deviation, interval, by_positives)
    others = baseline.macros()
    pairs = [difference(ours, other, level) for ours, other in product(macros, others)]
    above, below = (float(np.mean(held)) for held in ([p.lower > 0 for p in pairs], [p.upper < 0 for p in pairs]))
    of_means = difference(_mean(macros), _mean(others), level)
    return ComparedModel(label, values, mean, deviation, interval, by_positives, of_means, above, below)


def _mean(macros: Sequence[MacroResamples]) -> MacroResamples:
    """The mean of the runs, which meet the same recordings in each resample."""
    return MacroResamples(
        float(np.mean([macro.point for macro in macros])), np.mean([macro.values for macro in macros], axis=0)
    )
