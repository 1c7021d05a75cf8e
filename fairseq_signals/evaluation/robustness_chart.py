"""Robustness as a picture: macro AUC over the levels of noise, a line per model, as Fig. 6 of Mehari and Strodthoff."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_signals.evaluation.charts import COLOURS
from fairseq_signals.evaluation.robustness import LevelScore

_MARKERS = "os^Dvp"


def draw_robustness(rows: Sequence[LevelScore], path: str | Path) -> None:
    """Draws a panel for each number of positives that labels need, with one standard deviation where there are runs.

    Args:
        rows: from `robustness`.
        path: the picture to write; its ending chooses the format (png, pdf, svg).

    Raises:
        ValueError: there is nothing to draw.
    """
    if not rows:
        raise ValueError("scores to draw must be at least one, got none")
    figure = robustness_figure(rows)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def robustness_figure(rows: Sequence[LevelScore]) -> Figure:
    """The figure that `draw_robustness` writes."""
    needed = list(dict.fromkeys(row.min_positives for row in rows))
    figure = Figure(figsize=(5.4 * len(needed), 4.4), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(needed), squeeze=False)[0]
    for axis, enough in zip(panels, needed, strict=True):
        _draw_panel(axis, [row for row in rows if row.min_positives == enough])
    panels[0].set_ylabel("macro AUC")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 3), frameon=False)
    return figure


def _draw_panel(axis: Axes, rows: list[LevelScore]) -> None:
    levels = sorted({row.level for row in rows})
    for number, model in enumerate(dict.fromkeys(row.model for row in rows)):
        line = sorted((row for row in rows if row.model == model), key=lambda row: row.level)
        runs = len(line[0].runs)
        axis.errorbar(
            [levels.index(row.level) for row in line],
            [row.macro_auc for row in line],
            yerr=[0 if math.isnan(row.deviation) else row.deviation for row in line] if runs > 1 else None,
            color=COLOURS[number % len(COLOURS)],
            marker=_MARKERS[number // len(COLOURS) % len(_MARKERS)],
            markersize=4,
            linewidth=1.4,
            capsize=2,
            label=f"{model} ({runs} runs)" if runs > 1 else model,
        )
    snr = {row.level: row.snr_db for row in rows}
    axis.set_xticks(range(len(levels)), [_tick(level, snr[level]) for level in levels])
    axis.set_xlabel("level of noise, and SNR in dB")
    first = rows[0]
    least = "both outcomes" if first.min_positives == 1 else f"at least {first.min_positives} positives"
    axis.set_title(f"{first.n_labels} labels with {least}, {first.n_recordings:,} recordings", fontsize="medium")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", linewidth=0.4, alpha=0.5)
    axis.set_axisbelow(True)


def _tick(level: int, snr_db: float) -> str:
    return f"{level}\n{snr_db:.1f}" if math.isfinite(snr_db) else f"{level}\nnone added"
