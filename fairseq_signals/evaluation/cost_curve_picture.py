"""Scores over the cost of training: where methods are, and where more training would take them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from fairseq_signals.evaluation.charts import COLOURS, metric_name, new_panels, save_figure, tidy_axes
from fairseq_signals.evaluation.report import write_table

_PETA = 1e15
_ABREAST = 2  # labels in a row of the legend


def draw_cost_curves(curves: Mapping[str, Sequence[tuple[float, float]]], path: str | Path, metric: str) -> None:
    """Draws a line per label.

    Args:
        curves: points (operations in FLOP, score) by label.
        path: the picture to write.
        metric: name of the score.

    Raises:
        ValueError: no curve, or one without points.
    """
    save_figure(cost_figure(curves, metric), path)


def cost_figure(curves: Mapping[str, Sequence[tuple[float, float]]], metric: str) -> Figure:
    """The figure that `draw_cost_curves` writes."""
    if not curves or not all(curves.values()):
        raise ValueError(f"curves to draw must be at least one, each of a point or more, got {dict(curves)}")
    figure, (axis,) = new_panels(1, width=7.2, height=4.6 + 0.2 * (len(curves) // _ABREAST))
    for number, (label, points) in enumerate(curves.items()):
        spent, scores = zip(*points, strict=True)
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": ("-", "--", ":")[number // len(COLOURS) % 3]}
        axis.plot([cost / _PETA for cost in spent], scores, marker="o", markersize=2.5, linewidth=1.3, **style)
        best = max(range(len(scores)), key=scores.__getitem__)
        axis.plot([spent[best] / _PETA], [scores[best]], marker="o", markersize=6, label=label, **style)
    axis.set_xscale("log")
    axis.set_xlabel("operations of the encoder, pre-training included (PFLOP)")
    axis.set_ylabel(metric_name(metric))
    # Beneath the axes: curves fill them from the lower left to the upper right, wherever trainings begin late.
    figure.legend(loc="outside lower center", ncols=min(len(curves), _ABREAST), frameon=False, fontsize="small")
    tidy_axes(axis)
    return figure


def write_cost_curves(path: str | Path, curves: Mapping[str, Sequence[tuple[float, float]]], metric: str) -> None:
    """Writes a line for each point: label, operations (FLOP), score."""
    rows = ([label, f"{spent:.6g}", f"{score:.6g}"] for label, points in curves.items() for spent, score in points)
    write_table(path, ["label", "operations", metric], rows)
