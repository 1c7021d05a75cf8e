"""The scores of all classes as bars, coloured by the kind of class, with the gain by pre-training in black.

As figure 4 of Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676): sorted by the baseline's score.

Differs: a loss is shown as an open box in the top of its bar, the number of positives stands behind each name, and the
names of classes with few of them are grey.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fairseq_signals.evaluation.charts import COLOURS, new_panels, save_figure, tidy_axes
from fairseq_signals.evaluation.label_gain import ClassGain
from fairseq_signals.evaluation.statement_groups import GROUPS

_BLUE, _RED, _GREEN, _YELLOW, _CYAN, _PURPLE = COLOURS
GROUP_COLOURS = {
    "NORM": _GREEN,
    "CD": _BLUE,
    "MI": _RED,
    "HYP": _YELLOW,
    "STTC": _PURPLE,
    "form": _CYAN,
    "rhythm": "#bbbbbb",
    "other": "#dddddd",
}
_FEW = "#8c8c8c"
_INCHES_PER_CLASS = 0.19
_NARROWEST = 7.5  # inches, of which the legend needs most


def draw_gains(gains: Sequence[ClassGain], path: str | Path, model: str, baseline: str, metric: str = "AUC") -> None:
    """Draws a bar for each class that has a score, in the order given.

    Args:
        gains: of the classes; see `label_gain.class_gains`.
        path: the picture to write.
        model: label of the pre-trained model.
        baseline: label of the supervised one.
        metric: name of a class's score.

    Raises:
        ValueError: no class has a score.
    """
    save_figure(gains_figure(gains, model, baseline, metric), path)


def gains_figure(gains: Sequence[ClassGain], model: str, baseline: str, metric: str = "AUC") -> Figure:
    """The figure that `draw_gains` writes."""
    shown = [one for one in gains if not math.isnan(one.gain)]
    if not shown:
        raise ValueError("classes to draw must be at least one with both labels, got none")
    figure, (axis,) = new_panels(1, width=max(_NARROWEST, 1.2 + _INCHES_PER_CLASS * len(shown)), height=4.6)
    _draw_bars(axis, shown)
    axis.set_ylabel(metric)
    missing = len(gains) - len(shown)
    axis.set_title(
        f"{baseline}, and what {model} gains" + (f" ({missing} classes without both labels left out)" * (missing > 0)),
        fontsize="medium",
    )
    handles = _legend(shown, model)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), frameon=False, fontsize=8)
    return figure


def _draw_bars(axis: Axes, shown: Sequence[ClassGain]) -> None:
    places, colours = range(len(shown)), [GROUP_COLOURS[one.group] for one in shown]
    lowest = min(min(one.baseline, one.model) for one in shown)
    floor = max(0.0, math.floor(lowest * 20 - 0.5) / 20)
    axis.bar(places, [one.baseline - floor for one in shown], 0.75, floor, color=colours)
    for place, one in zip(places, shown, strict=True):
        style = {"color": "black"} if one.gain >= 0 else {"facecolor": "white", "edgecolor": "black", "linewidth": 0.8}
        axis.bar(place, one.gain, 0.75, one.baseline, **style)
    axis.set_ylim(floor, 1.0)
    axis.set_xlim(-0.7, len(shown) - 0.3)
    names = [f"{one.name} ({one.positives:,})" for one in shown]
    axis.set_xticks(places, names, rotation=90, fontsize=7.5, parse_math=False)
    for label, one in zip(axis.get_xticklabels(), shown, strict=True):
        label.set_color("black" if one.enough else _FEW)
    axis.tick_params(axis="x", length=0, pad=2)
    tidy_axes(axis)


def _legend(shown: Sequence[ClassGain], model: str) -> list[Patch]:
    groups = {one.group for one in shown}
    handles = [Patch(color=GROUP_COLOURS[name], label=GROUPS[name]) for name in GROUPS if name in groups]
    handles.append(Patch(color="black", label=f"gain by {model}"))
    if any(one.gain < 0 for one in shown):
        handles.append(Patch(facecolor="white", edgecolor="black", label=f"loss by {model}"))
    if not all(one.enough for one in shown):
        handles.append(Patch(color="none", label="(n): positives; grey name: few"))
    return handles
