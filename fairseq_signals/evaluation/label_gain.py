"""What pre-training gains class by class.

Conventions:
    A class's score is the mean over a model's runs. A gain is the pre-trained model's score less the baseline's, in
    the same units; its interval is of other recordings (`bootstrap`), and NaN for a class with a single positive (or
    negative), of which resamples show no spread. Classes without both labels have no score (NaN) and count nowhere.

Source: Mehari & Strodthoff 2022, section 3.2 and figure 4 (https://arxiv.org/abs/2103.12676): gains by statement and
by group, and their negative correlation with the supervised score.

Differs: a score that is low by chance gains by chance, so the gain's correlation with the baseline's own score is
negative even where pre-training gains nothing. Beside it stands the correlation with the mean of both scores, which is
free of this (Oldham 1962, https://doi.org/10.1016/0021-9681(62)90116-9).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.evaluation.bootstrap import percentile_interval
from fairseq_signals.evaluation.comparison import ScoredRuns
from fairseq_signals.evaluation.report import write_table
from fairseq_signals.evaluation.statement_groups import GROUPS, group_of

ENOUGH_POSITIVES = 10
"""Positives from which a class's gain is more than an anecdote."""


@dataclass(frozen=True)
class ClassGain:
    """A class with its scores.

    Attributes:
        name: the class.
        group: key in `statement_groups.GROUPS`.
        positives: recordings with it.
        enough: whether these are as many as was asked for.
        baseline, model: mean scores over the runs.
        gain: of the model over the baseline.
        lower, upper: ends of the gain's 95 % confidence interval.
    """

    name: str
    group: str
    positives: int
    enough: bool
    baseline: float
    model: float
    gain: float
    lower: float
    upper: float


def class_gains(
    classes: Sequence[str], model: ScoredRuns, baseline: ScoredRuns, enough: int = ENOUGH_POSITIVES
) -> list[ClassGain]:
    """A line for each class, the highest score of the baseline first; classes without a score last.

    Args:
        classes: C names.
        model: runs of the pre-trained model.
        baseline: runs of the supervised model, from the same `comparison.score_runs`.
        enough: positives from which a class is marked as having enough.
    """
    ours, others = (np.mean([run.points for run in runs.scores], axis=0) for runs in (model, baseline))
    moved = np.mean(model.moved, axis=0) - np.mean(baseline.moved, axis=0)  # [C, R]
    first = baseline.scores[0]
    gains = []
    for column, name in enumerate(classes):
        gain = float(ours[column] - others[column])
        ends = percentile_interval(gain + moved[column]) if first.holders[column] > 1 else (math.nan, math.nan)
        positives = int(first.positives[column])
        scores = float(others[column]), float(ours[column]), gain
        gains.append(ClassGain(name, group_of(name), positives, positives >= enough, *scores, *ends))
    return sorted(gains, key=lambda one: (math.isnan(one.baseline), -one.baseline, one.name))


def group_gains(gains: Iterable[ClassGain]) -> dict[str, tuple[int, float]]:
    """By group in their order, the number of classes with a score and their mean gain."""
    gains = [one for one in gains if not math.isnan(one.gain)]
    by_group = {name: [one.gain for one in gains if one.group == name] for name in GROUPS}
    return {name: (len(values), float(np.mean(values))) for name, values in by_group.items() if values}


def gain_correlations(gains: Iterable[ClassGain]) -> tuple[float, float]:
    """Pearson's correlation of the gain with the baseline's score, and with the mean of both scores.

    NaN below three classes with a score, and where one of the two does not vary.
    """
    table = np.array([(one.gain, one.baseline, (one.baseline + one.model) / 2) for one in gains]).reshape(-1, 3)
    table = table[~np.isnan(table[:, 0])]
    return _correlation(table[:, 0], table[:, 1]), _correlation(table[:, 0], table[:, 2])


def gains_text(gains: Sequence[ClassGain], model: str, baseline: str) -> str:
    """Average gains by group, and what they go with, as text.

    Args:
        gains: of all classes.
        model: label of the pre-trained model.
        baseline: label of the supervised one.
    """
    lines = [["", "classes", "mean gain"]]
    lines += [[GROUPS[name], str(n), f"{gain:+.4f}"] for name, (n, gain) in group_gains(gains).items()]
    enough = [one.gain for one in gains if one.enough and not math.isnan(one.gain)]
    if enough:
        lines.append(["with enough positives", str(len(enough)), f"{float(np.mean(enough)):+.4f}"])
    alone, both = gain_correlations(gains)
    return "\n".join(
        [
            f"{model} over {baseline}, by kind of class",
            *aligned(lines, "<>>"),
            f"correlation of the gain with {baseline}'s score {alone:+.2f} (negative by chance alone, too), "
            f"with the mean of both {both:+.2f}",
        ]
    )


def write_gains(path: str | Path, gains: Iterable[ClassGain]) -> None:
    """Writes a line for each class; what cannot be had is `nan`."""
    header = ["class", "group", "positives", "enough", "baseline", "model", "gain", "gain_lower", "gain_upper"]
    write_table(path, header, (_cells(one) for one in gains))


def _cells(one: ClassGain) -> list[str]:
    numbers = one.baseline, one.model, one.gain, one.lower, one.upper
    return [one.name, one.group, str(one.positives), str(int(one.enough)), *(f"{number:.6g}" for number in numbers)]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 3 or not np.ptp(first) or not np.ptp(second):
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])
