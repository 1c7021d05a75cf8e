"""Every class of a data set with its numbers: part of the summary page.

A bar for the recordings in which the class is present, then their number in all and by split, then the number in which
it is unknown. What is neither present nor unknown is absent.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairseq_signals.evaluation.charts import COLOURS
from fairseq_signals.evaluation.cinc2021 import SHORT_NAMES, class_index
from fairseq_signals.evaluation.data_counts import UNKNOWN, DataCounts

MOST_CLASSES = 80
_COLUMN = 40  # classes in one column
_LONGEST_NAME = 21  # letters
_UNKNOWN = "#777777"
_LEFT_END = 0.7  # where the logarithmic axis begins


def draw_class_table(figure: Figure, counts: DataCounts) -> None:
    """Draws the classes into the right half of a page, the most frequent first, in one column or two."""
    present = sum((counts.present[name] for name in counts.splits), Counter())
    unknown = sum((counts.unknown[name] for name in counts.splits), Counter())
    codes = sorted({*counts.classes, *present}, key=lambda code: (-present[code], code))
    shown = codes[:MOST_CLASSES]
    columns = max(1, -(-len(shown) // _COLUMN))
    grid = figure.add_gridspec(1, columns, left=0.575, right=0.985, top=0.83, bottom=0.04, wspace=0.5)
    highest = max([*present.values(), 1])
    for column in range(columns):
        part = shown[column * _COLUMN : (column + 1) * _COLUMN]
        axes = figure.add_subplot(grid[0, column])
        _class_column(axes, part, counts, present, unknown, highest, bar=0.3 if columns == 1 else 0.13)
    title = "labels: recordings in which a class is present (the bar's axis is logarithmic)"
    if len(codes) > len(shown):
        rare = codes[MOST_CLASSES:]
        title += f"\nnot shown: {len(rare)} rarer classes with {sum(present[code] for code in rare):,} labels"
    figure.text(0.505, 0.868, title, fontsize=10, weight="bold", va="center")
    without, dark = (
        sum(number[name] for name in counts.splits) for number in (counts.without_class, counts.nothing_known)
    )
    bare = f"no class is present in {without:,} recordings; nothing is known of {dark:,} more"
    figure.text(0.505, 0.848, bare, fontsize=8.5, va="center")


def _class_column(
    axes: Axes,
    codes: Sequence[str],
    counts: DataCounts,
    present: Counter[str],
    unknown: Counter[str],
    highest: int,
    bar: float,
) -> None:
    """Bars that take the part `bar` of the panel's width, and right of them the numbers."""
    if not codes:
        say_empty(axes, "no labels")
        return
    places = np.arange(len(codes))
    axes.barh(places, [present[code] for code in codes], color=COLOURS[0], height=0.72, gid="present")
    axes.set_xscale("log")
    axes.set_xlim(_LEFT_END, _LEFT_END * (max(highest, 10) / _LEFT_END) ** (1 / bar))
    axes.set_ylim(max(len(codes), _COLUMN if len(codes) > 20 else 20) - 0.4, -1.7)
    axes.set_yticks(places, [shortened(named(code), _LONGEST_NAME) for code in codes], fontsize=6.5, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    heads = ["all", *counts.splits, UNKNOWN] if len(counts.splits) > 1 else ["all", UNKNOWN]
    ends = [*np.linspace(bar + 0.18, 0.8, len(heads) - 1), 1.0]
    for line in range(-1, len(codes)):
        cells = heads if line < 0 else _class_cells(codes[line], counts, present, unknown)
        for end, cell in zip(ends, cells, strict=True):
            axes.text(
                end, line, cell, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=6.5,
                weight="bold" if line < 0 else "normal", color=_UNKNOWN if end == 1 else "black",
            )  # fmt: skip


def _class_cells(code: str, counts: DataCounts, present: Counter[str], unknown: Counter[str]) -> list[str]:
    splits = [f"{counts.present[name][code]:,}" for name in counts.splits] if len(counts.splits) > 1 else []
    return [f"{present[code]:,}", *splits, f"{unknown[code]:,}" if unknown[code] else ""]


def named(code: str) -> str:
    """A code behind its abbreviation, where it is one of the SNOMED CT codes of the CinC 2021 challenge."""
    try:
        return f"{SHORT_NAMES[class_index(code)]} {code}"
    except ValueError:
        return code


def say_empty(axes: Axes, what: str) -> None:
    """A panel without data, which says so."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, what, transform=axes.transAxes, ha="center", va="center", fontsize=9, color=_UNKNOWN)


def shortened(text: str, letters: int) -> str:
    """The text, or its beginning and an ellipsis where it has more letters."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
