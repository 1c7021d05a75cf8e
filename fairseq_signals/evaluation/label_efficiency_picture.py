"""Scores over the number of training folds, as figure 5 of Mehari & Strodthoff 2022.

A line is the mean over runs and its band one standard deviation to both sides; the supervised model's level with 8
folds is a dashed line and with 4 folds a solid one. Source: https://arxiv.org/abs/2103.12676.
"""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fairseq_signals.evaluation.charts import COLOURS, metric_name, new_panels, save_figure, tidy_axes
from fairseq_signals.evaluation.label_efficiency import Curves, levels
from fairseq_signals.evaluation.predictions import require_baseline

_STYLES = {8: "--", 4: "-"}


def draw_efficiency(curves: Curves, path: str | Path, baseline: str, metric: str) -> None:
    """Draws the curves.

    Args:
        curves: see `label_efficiency.curves_of`.
        path: the picture to write.
        baseline: label of the supervised model.
        metric: name of the score.

    Raises:
        ValueError: the baseline is no label.
    """
    save_figure(efficiency_figure(curves, baseline, metric), path)


def efficiency_figure(curves: Curves, baseline: str, metric: str) -> Figure:
    """The figure that `draw_efficiency` writes."""
    require_baseline(curves, baseline)
    figure, (axis,) = new_panels(1, width=6.0, height=4.4)
    # The baseline has the same colour whatever stands beside it.
    order = [baseline, *(label for label in curves if label != baseline)]
    for number, label in enumerate(order):
        _draw_curve(axis, curves, label, COLOURS[number % len(COLOURS)])
    for folds, level in levels(curves[baseline]).items():
        name = f"{baseline}, {folds} folds"
        axis.axhline(level, color="black", linewidth=0.9, linestyle=_STYLES[folds], label=name, zorder=1.5)
    axis.set_xlabel("training folds")
    axis.set_ylabel(metric_name(metric))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(frameon=False, fontsize="small", loc="lower right")
    tidy_axes(axis)
    return figure


def _draw_curve(axis: Axes, curves: Curves, label: str, colour: str) -> None:
    points = curves[label]
    folds, means = [point.folds for point in points], [point.mean for point in points]
    spreads = [0.0 if math.isnan(point.deviation) else point.deviation for point in points]
    axis.plot(folds, means, color=colour, marker="o", markersize=4, linewidth=1.6, label=label)
    low, high = zip(*((mean - spread, mean + spread) for mean, spread in zip(means, spreads, strict=True)), strict=True)
    axis.fill_between(folds, low, high, color=colour, alpha=0.2, linewidth=0)
