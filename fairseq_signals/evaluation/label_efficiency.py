"""How many labels a model needs: its score over the number of training folds.

Conventions:
    A value is one run's score; runs of one model and number of folds differ in their seed. A curve is the mean over
    runs; between two numbers of folds it is a straight line. NaN where a number cannot be had.

Source: Mehari & Strodthoff 2022, section 3.3 and figure 5 (https://arxiv.org/abs/2103.12676): the number of folds at
which a pre-trained model reaches what the supervised one reaches with 8 and with 4 of them.

Differs: they read it off the picture; here it is interpolated. A curve that dips below the level again is said to have
reached it where it stays above it, so a single lucky run does not count.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.evaluation.intervals import in_last_digits, mean_deviation
from fairseq_signals.evaluation.predictions import require_baseline
from fairseq_signals.evaluation.report import write_table


@dataclass(frozen=True)
class Point:
    """A model's score with so many folds.

    Attributes:
        folds: training folds.
        values: scores by run.
        mean, deviation: over the runs; the deviation is NaN for a single one.
    """

    folds: int
    values: tuple[float, ...]
    mean: float
    deviation: float


Curves = Mapping[str, Sequence[Point]]
"""Points by label, by ascending number of folds."""


def curves_of(values: Iterable[tuple[str, int, float]]) -> dict[str, list[Point]]:
    """Curves from values by (label, folds), in the order in which labels come.

    Args:
        values: label, number of folds and score of each run.

    Raises:
        ValueError: no value, a score that is not finite, or a number of folds below 1.
    """
    runs: dict[str, dict[int, list[float]]] = {}
    for label, folds, value in values:
        if folds < 1 or not math.isfinite(value):
            raise ValueError(f"run must have at least one fold and a finite score, got {folds} and {value} ({label})")
        runs.setdefault(label, {}).setdefault(folds, []).append(value)
    if not runs:
        raise ValueError("runs must be at least one, got none")
    return {
        label: [Point(folds, tuple(scores), *mean_deviation(scores)) for folds, scores in sorted(by_folds.items())]
        for label, by_folds in runs.items()
    }


def reached(curve: Sequence[Point], level: float) -> float:
    """The number of folds from which on a curve is at a level or above it; NaN where it does not end there.

    Interpolated between two numbers of folds; the smallest one measured where the curve is above it from the start.
    """
    if not curve or curve[-1].mean < level:
        return math.nan
    folds = float(curve[0].folds)
    for left, right in pairwise(curve):
        if left.mean < level <= right.mean:
            folds = left.folds + (level - left.mean) / (right.mean - left.mean) * (right.folds - left.folds)
    return folds


def levels(baseline: Sequence[Point], folds: Iterable[int] = (8, 4)) -> dict[int, float]:
    """The baseline's mean scores by number of folds, of those numbers that were measured."""
    means = {point.folds: point.mean for point in baseline}
    return {number: means[number] for number in folds if number in means}


def efficiency_text(curves: Curves, baseline: str, metric: str) -> str:
    """Means and deviations by number of folds, and where each model reaches the baseline, as text.

    Args:
        curves: of all models.
        baseline: label of the supervised one.
        metric: name of the score.

    Raises:
        ValueError: the baseline is no label.
    """
    require_baseline(curves, baseline)
    numbers = sorted({point.folds for curve in curves.values() for point in curve})
    lines = [[metric, *(f"{number} fold{'s' * (number > 1)}" for number in numbers)]]
    for label, curve in curves.items():
        cells = {point.folds: f"{in_last_digits(point.mean, point.deviation)} n={len(point.values)}" for point in curve}
        lines.append([label, *(cells.get(number, "-") for number in numbers)])
    sentences = [
        f"{label} reaches {baseline} with {number} folds ({level:.4f}) {_where(curves[label], level)}"
        for label in curves
        if label != baseline
        for number, level in levels(curves[baseline]).items()
    ]
    return "\n".join([*aligned(lines, "<" + ">" * len(numbers)), "", *sentences]).rstrip()


def write_efficiency(path: str | Path, curves: Curves) -> None:
    """Writes a line for each model and number of folds."""
    rows = (
        [label, str(point.folds), str(len(point.values)), f"{point.mean:.6g}", f"{point.deviation:.6g}",
         ",".join(f"{value:.6g}" for value in point.values)]
        for label, curve in curves.items()
        for point in curve
    )  # fmt: skip
    write_table(path, ["label", "folds", "runs", "mean", "deviation", "values"], rows)


def _where(curve: Sequence[Point], level: float) -> str:
    folds = reached(curve, level)
    if math.isnan(folds):
        once = any(point.mean >= level for point in curve)
        return f"{'not for good' if once else 'never'} (up to {curve[-1].folds} folds)"
    return f"at {folds:.1f} folds" if folds > curve[0].folds else f"already at {folds:g} (the fewest measured)"
