"""One page on which a person can check a prepared data set: how much of what, of whom, and what was left out.

Every number on it is counted from the manifests and lists themselves (`data_counts`), not taken from `dataset.yaml`;
where the two differ, or a patient is in two splits, the page says so in red.
"""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_signals.data.checks.ages_and_sexes import OLDEST
from fairseq_signals.evaluation.charts import COLOURS
from fairseq_signals.evaluation.class_table import draw_class_table, say_empty, shortened
from fairseq_signals.evaluation.data_counts import UNKNOWN, DataCounts, count_data

_PAGE = (16.5, 11.7)  # inches: A3, lying
_MOST_BARS = 8
_MOST_LINES = 9
_LONGEST_CHECK = 110  # letters
_ALARM, _FAINT = "#bb2233", "#999999"
_AGE_STEP = 5  # years


def draw_data_summary(folder: str | PathLike, path: str | PathLike) -> Figure:
    """Draws the summary of a prepared data set and returns the figure.

    Args:
        folder: with `dataset.yaml` and the manifests.
        path: the picture to write (the ending chooses the format).

    Raises:
        FileNotFoundError, ValueError: the folder holds no data set, or one that cannot be read.
    """
    counts = count_data(folder)
    figure = Figure(figsize=_PAGE, dpi=130)
    FigureCanvasAgg(figure)
    _heading(figure, counts)
    place = {"left": 0.09, "right": 0.46, "top": 0.85, "bottom": 0.02, "hspace": 0.5, "wspace": 0.32}
    left = figure.add_gridspec(5, 2, height_ratios=[1.05, 1, 1, 0.9, 0.8], **place)
    _manifests(figure.add_subplot(left[0, :]), counts)
    _bars(figure.add_subplot(left[1, 0]), counts.sources, "source")
    _ages(figure.add_subplot(left[1, 1]), counts)
    _bars(figure.add_subplot(left[2, 0]), _by_sex_rate_leads(counts), "sex, rate, leads")
    _lengths(figure.add_subplot(left[2, 1]), counts.seconds)
    _reasons(figure.add_subplot(left[3, 0]), counts.rejected, "left out")
    _reasons(figure.add_subplot(left[3, 1]), counts.warned, "kept although odd (warnings.tsv)")
    _checks(figure.add_subplot(left[4, :]), counts.card.get("checks") or ())
    draw_class_table(figure, counts)
    figure.savefig(path)
    return figure


def _heading(figure: Figure, counts: DataCounts) -> None:
    card, offered = counts.card, counts.card["counts"].get("offered")
    version = f" {card['version']}" if card["version"] else ""
    people = len({patient for name in counts.splits for patient in counts.manifests[name].patients})
    figure.text(0.02, 0.965, f"{card['source']}{version}", fontsize=17, weight="bold", va="center")
    same = card["counts"].get("same signal as another")
    facts = [
        f"{counts.recordings:,} recordings of {people:,} patients",
        *([f"{offered:,} offered"] if offered is not None else []),
        f"{counts.rejected.total():,} left out",
        f"{counts.warned.total():,} warnings",
        *([f"{same:,} hold the same signal as another"] if same else []),
        f"{len(counts.classes)} classes",
        f"unit: {card['units']}",
    ]
    figure.text(0.02, 0.935, "; ".join(facts), fontsize=10, va="center")
    how = textwrap.shorten(f"Splits: {card['split']}", 620, placeholder=" …")
    figure.text(0.02, 0.922, textwrap.fill(how, 230), fontsize=7.5, va="top", color="#444444", parse_math=False)
    alarms = counts.differing_rows()
    if shared := counts.shared_patients():
        alarms.append(f"{shared:,} patients are in more than one split")
    if alarms:
        figure.text(0.98, 0.965, "; ".join(alarms), fontsize=10, color=_ALARM, weight="bold", ha="right", va="center")


def _manifests(axes: Axes, counts: DataCounts) -> None:
    """A table of the manifests."""
    axes.set_axis_off()
    axes.set_title("manifests", loc="left", fontsize=10, weight="bold")
    rows = []
    for name, one in counts.manifests.items():
        several = sum(number > 1 for number in one.patients.values())
        share = f"{one.rows / counts.recordings:.1%}" if name in counts.splits and counts.recordings else ""
        rows.append([name, f"{one.rows:,}", share, f"{len(one.patients):,}", f"{several:,}"])
    heads = ["", "rows", "of all", "patients", "with several rows"]
    places = [0.0, 0.42, 0.56, 0.74, 1.0]
    step = 1.0 / max(len(rows) + 1, 9)
    for line, cells in enumerate([heads, *rows]):
        for place, cell in zip(places, cells, strict=True):
            side, weight = "left" if place == 0 else "right", "bold" if line == 0 else "normal"
            axes.text(place, 1 - (line + 0.5) * step, cell, fontsize=8.5, ha=side, va="center", weight=weight)


def _by_sex_rate_leads(counts: DataCounts) -> dict[str, int]:
    rates = {f"{rate:g} Hz": number for rate, number in counts.rates.most_common(4)}
    rest = counts.rates.total() - sum(rates.values())
    leads = {("12 leads" if key == "12" else key): number for key, number in counts.leads.most_common(3)}
    more = counts.leads.total() - sum(leads.values())
    sexes = {f"sex {UNKNOWN}" if key == UNKNOWN else key: number for key, number in counts.sexes.most_common(4)}
    rates |= {"other rates": rest} if rest else {}
    leads |= {"other leads": more} if more else {}
    return sexes | rates | leads


def _bars(axes: Axes, numbers: Mapping[str, int], title: str) -> None:
    """Lying bars with their numbers; the smallest are put together where there are too many."""
    axes.set_title(title, loc="left", fontsize=10, weight="bold")
    if not numbers:
        say_empty(axes, "no recordings")
        return
    items = list(numbers.items())
    if isinstance(numbers, Counter):
        items = numbers.most_common()
        if len(items) > _MOST_BARS:
            items = [
                *items[: _MOST_BARS - 1],
                (f"{len(items) - _MOST_BARS + 1} others", sum(n for _, n in items[_MOST_BARS - 1 :])),
            ]
    names, values = [name for name, _ in items], [number for _, number in items]
    places = np.arange(len(items))
    colours = [_FAINT if UNKNOWN in name else COLOURS[0] for name in names]
    axes.barh(places, values, color=colours, height=0.7, gid=title)
    axes.set_yticks(places, [shortened(name, 22) for name in names], fontsize=8, parse_math=False)
    axes.set_ylim(max(len(items), 4) - 0.4, -0.6)
    _numbers_beside(axes, places, values)


def _numbers_beside(axes: Axes, places: Sequence[float], values: Sequence[int], size: float = 8) -> None:
    for place, value in zip(places, values, strict=True):
        axes.annotate(f"{value:,}", (value, place), (3, 0), textcoords="offset points", va="center", fontsize=size)
    axes.set_xlim(0, max([*values, 1]) * 1.25)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _ages(axes: Axes, counts: DataCounts) -> None:
    known = {age: number for age, number in counts.ages.items() if age is not None and 0 <= age <= OLDEST}
    odd = sum(number for age, number in counts.ages.items() if age is not None and age not in known)
    title = f"age (years); unknown {counts.ages[None]:,}" + (f", impossible {odd:,}" if odd else "")
    if not known:
        axes.set_title(title, loc="left", fontsize=10, weight="bold")
        say_empty(axes, UNKNOWN if counts.recordings else "no recordings")
        return
    edges = np.arange(0, OLDEST + _AGE_STEP + 1, _AGE_STEP)
    heights, _ = np.histogram(list(known), edges, weights=list(known.values()))
    axes.bar(edges[:-1], heights, _AGE_STEP * 0.9, align="edge", color=COLOURS[0], gid="age")
    axes.set_xlim(0, max([*known, 90]) + _AGE_STEP)
    _plain(axes, title)


def _lengths(axes: Axes, seconds: Counter[float]) -> None:
    """Bars for a few lengths, a histogram on a logarithmic axis for many."""
    title = "length (seconds)"
    if len(seconds) <= _MOST_BARS:
        ordered = {f"{length:g} s": seconds[length] for length in sorted(seconds)}
        _bars(axes, ordered, title)
        return
    lengths, weights = np.array(list(seconds)), np.array(list(seconds.values()))
    edges = np.geomspace(max(lengths.min(), 0.1), lengths.max() * 1.001, 31)
    axes.hist(lengths, edges, weights=weights, color=COLOURS[0])
    axes.set_xscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 60, 300, 1800) if edges[0] / 1.2 <= tick <= edges[-1] * 1.2]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("logarithmic axis", fontsize=7, labelpad=1)
    _plain(axes, f"{title}: {lengths.min():g} to {lengths.max():g}, mostly {seconds.most_common(1)[0][0]:g}")


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, weight="bold")
    axes.tick_params(labelsize=8)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)


def _reasons(axes: Axes, numbers: Counter[str], title: str) -> None:
    """A list of reasons with their numbers."""
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=10, weight="bold")
    lines = [f"{number:>9,}  {shortened(reason, 40)}" for reason, number in numbers.most_common(_MOST_LINES)]
    rest = numbers.total() - sum(number for _, number in numbers.most_common(_MOST_LINES))
    lines += [f"{rest:>9,}  for other reasons"] if rest else []
    text = "\n".join(lines) or "        none"
    axes.text(0, 1, text, fontsize=7.5, family="monospace", va="top", parse_math=False)


def _checks(axes: Axes, lines: Sequence[str]) -> None:
    """What the preparation's self-tests found."""
    axes.set_axis_off()
    axes.set_title("checks of the preparation", loc="left", fontsize=10, weight="bold")
    wrapped = [textwrap.shorten(str(line), _LONGEST_CHECK, placeholder=" …") for line in lines]
    if len(wrapped) > _MOST_LINES:
        wrapped = [*wrapped[: _MOST_LINES - 1], f"and {len(wrapped) - _MOST_LINES + 1} more in dataset.yaml"]
    axes.text(0, 1, "\n".join(wrapped) or "none", fontsize=7.5, va="top", parse_math=False)
