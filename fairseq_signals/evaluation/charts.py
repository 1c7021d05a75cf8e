"""Pictures of results: a start from pre-training beside a random one, and the losses of a run.

Conventions:
    Pictures are drawn on figures of their own, without pyplot's global state or a screen; the file's ending chooses
    the format (png, pdf, svg). Values that are not finite leave a gap.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_signals.evaluation.results import checked_results
from fairseq_signals.evaluation.training_log import Curve, read_training_log

Curves = Mapping[str, Mapping[str, Curve]]
"""Points (update, value) by subset (`train`, `valid`) and by name (`loss`, …)."""

# Paul Tol's bright scheme: told apart by colour-blind readers and in print.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
_RANDOM = "#bbbbbb"
_LEAD_ORDER = ("12", "6", "4", "3", "2", "1")
_INIT_ORDER = ("pretrained", "random")


def draw_results_chart(rows: Iterable[Mapping[str, Any]], path: str | Path) -> None:
    """Draws grouped bars: a panel per task and metric, a group per lead set, a bar per init.

    Args:
        rows: results with `task, leads, init, metric, value`.
        path: the picture to write.

    Raises:
        ValueError: no result, or rows that are no results.
    """
    rows = checked_results(rows)
    if not rows:
        raise ValueError("results to draw must be at least one, got none")
    panels = list(dict.fromkeys((row["task"], row["metric"]) for row in rows))
    inits = _in_order((row["init"] for row in rows), _INIT_ORDER)
    figure, axes = new_panels(len(panels), width=4.6, height=3.6)
    for axis, (task, metric) in zip(axes, panels, strict=True):
        chosen = [row for row in rows if (row["task"], row["metric"]) == (task, metric)]
        _draw_bars(axis, chosen, inits)
        axis.set_title(f"{task}: {metric}")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    save_figure(figure, path)


def draw_loss_curves(
    logs: Mapping[str, str | Path | Curves], path: str | Path, names: Sequence[str] = ("loss",)
) -> None:
    """Draws a panel per name, training as a solid line and validation dashed, a colour per run.

    Args:
        logs: by the run's label, fairseq's JSON log file or the curves themselves.
        path: the picture to write.
        names: which numbers of the log to draw.

    Raises:
        ValueError: no run, a log without reports, or a name that no log has.
    """
    runs = {label: log if isinstance(log, Mapping) else read_training_log(log) for label, log in logs.items()}
    present = {name for curves in runs.values() for subset in curves.values() for name in subset}
    for name in names:
        if name not in present:
            raise ValueError(f"curve to draw must be one of {', '.join(sorted(present)) or 'none'}, got {name!r}")
    figure, axes = new_panels(len(names), width=5.2, height=3.6)
    for axis, name in zip(axes, names, strict=True):
        _draw_runs(axis, runs, name)
        axis.set_title(name)
    save_figure(figure, path)


def _draw_runs(axis: Axes, runs: Mapping[str, Curves], name: str) -> None:
    for number, (label, curves) in enumerate(runs.items()):
        for subset, named in curves.items():
            if name not in named:
                continue
            updates, values = zip(*named[name], strict=True)
            training = subset == "train"
            axis.plot(
                updates,
                [value if math.isfinite(value) else math.nan for value in values],
                color=COLOURS[number % len(COLOURS)],
                linestyle="-" if training else "--",
                marker="" if training and len(values) > 1 else "o",
                markersize=3,
                linewidth=1.4,
                label=f"{label}, {subset}",
            )
    axis.set_xlabel("updates")
    axis.legend(frameon=False, fontsize="small")
    tidy_axes(axis)


def _draw_bars(axis: Axes, rows: list[dict[str, Any]], inits: list[str]) -> None:
    leads = _in_order((str(row["leads"]) for row in rows), _LEAD_ORDER)
    values = {(str(row["leads"]), row["init"]): float(row["value"]) for row in rows}
    width = 0.8 / len(inits)
    for number, init in enumerate(inits):
        places = [group + (number - (len(inits) - 1) / 2) * width for group in range(len(leads))]
        heights = [values.get((lead, init), math.nan) for lead in leads]
        colour = _RANDOM if init == "random" else COLOURS[number % len(COLOURS)]
        bars = axis.bar(places, heights, width, label=init, color=colour)
        texts = [f"{height:.2f}" if math.isfinite(height) else "" for height in heights]
        axis.bar_label(bars, texts, padding=2, fontsize="x-small")
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xticks(range(len(leads)), leads)
    axis.set_xlabel("leads")
    axis.margins(y=0.15)
    tidy_axes(axis)


def _in_order(names: Iterable[str], order: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(names))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def new_panels(number: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels of so many inches, side by side or in a square."""
    columns = number if number <= 3 else math.ceil(math.sqrt(number))
    lines = -(-number // columns)
    figure = Figure(figsize=(width * columns, height * lines), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False).flatten().tolist()
    for spare in axes[number:]:
        spare.remove()
    return figure, axes[:number]


def metric_name(metric: str) -> str:
    """What an axis calls a metric: `macro AUC` of `macro_auc`."""
    return metric.replace("_", " ").replace("auc", "AUC")


def tidy_axes(axis: Axes) -> None:
    """Takes off the frame above and on the right, and draws faint lines behind."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", linewidth=0.4, alpha=0.5)
    axis.set_axisbelow(True)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes the figure; missing folders are made."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
