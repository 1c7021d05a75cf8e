"""Models on several cohorts as pictures: ROC curves and calibration, a panel per cohort, a line per model."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from fairseq_signals.evaluation.binary_outcome import BinaryScores
from fairseq_signals.evaluation.charts import COLOURS, new_panels, save_figure, tidy_axes

Outcomes = tuple[np.ndarray, np.ndarray]
"""Labels boolean `[N]` and probabilities `[N]` of the recordings whose outcome is known."""
_CHANCE = {"color": "#999999", "linewidth": 0.8, "linestyle": ":"}


def draw_roc(
    outcomes: Mapping[str, Mapping[str, Outcomes]], scores: Mapping[tuple[str, str], BinaryScores], path: str | Path
) -> None:
    """Draws ROC curves, with a dot where the threshold lies.

    Args:
        outcomes: by cohort, by model.
        scores: by model and cohort.
        path: the picture to write; its ending chooses the format.
    """
    save_figure(_panels(outcomes, scores, _draw_roc, ("1 - specificity", "sensitivity"), "lower right"), path)


def draw_calibration(
    outcomes: Mapping[str, Mapping[str, Outcomes]], scores: Mapping[tuple[str, str], BinaryScores], path: str | Path
) -> None:
    """Draws the share of cases over the mean probability in bins of equally many recordings.

    Arguments are those of `draw_roc`.
    """
    save_figure(
        _panels(outcomes, scores, _draw_calibration, ("predicted probability", "observed share"), "upper left"), path
    )


def _panels(outcomes, scores, draw, names: tuple[str, str], corner: str) -> Figure:
    figure, axes = new_panels(len(outcomes), width=3.8, height=3.8)
    for axis, (cohort, models) in zip(axes, outcomes.items(), strict=True):
        axis.plot([0, 1], [0, 1], **_CHANCE)
        for number, (model, outcome) in enumerate(models.items()):
            draw(axis, model, *outcome, scores[model, cohort], COLOURS[number % len(COLOURS)])
        any_ = scores[next(iter(models)), cohort]
        axis.set_title(f"{cohort}: {any_.n_cases} cases of {any_.n_known}", fontsize="medium")
        axis.set(xlabel=names[0], ylabel=names[1], aspect="equal")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(frameon=False, fontsize="x-small", loc=corner)
        tidy_axes(axis)
    return figure


def _draw_roc(axis: Axes, model: str, labels, scores, found: BinaryScores, colour: str) -> None:
    if labels.all() or not labels.any():
        axis.text(0.5, 0.5, "one label only", ha="center", fontsize="small")
        return
    alarm, hit, _ = roc_curve(labels, scores, drop_intermediate=False)
    area = found.auroc
    axis.plot(
        alarm,
        hit,
        color=colour,
        linewidth=1.4,
        label=f"{model} {area.point:.2f} [{area.lower:.2f}, {area.upper:.2f}]",
    )
    axis.plot(1 - found.decisions.specificity.point, found.decisions.sensitivity.point, "o", color=colour, markersize=5)
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _draw_calibration(axis: Axes, model: str, labels, scores, found: BinaryScores, colour: str) -> None:
    curve, told = found.calibration.curve, found.calibration
    axis.plot(
        [one.probability for one in curve],
        [one.positives for one in curve],
        "o-",
        color=colour,
        markersize=3.5,
        linewidth=1.2,
        label=f"{model}: slope {told.slope:.2f}, intercept {told.intercept:.2f}",
    )
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
