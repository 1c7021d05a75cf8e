"""A sheet of random recordings of a manifest, all at one scale: what a data set looks like at a glance.

Conventions: every panel is the clinic's arrangement of leads (`paper_layout`) at a reduced scale, with squares of 0.2 s
and 0.5 mV. The scale is the same in all panels and not fitted to the signal, so that a wrong gain is seen. Only where
traces would run into each other a recording is drawn at half of it, as ECG machines do, and its panel says so in red.
"""

import textwrap
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.record import Record
from fairseq_signals.data.stored_record import record_of_row
from fairseq_signals.evaluation.ecg_paper import HALO, INK, labels_text
from fairseq_signals.evaluation.paper_layout import (
    GAIN,
    MAX_SECONDS,
    SPEED,
    Strip,
    arranged,
    distance_needed,
    rows_of,
    stretch,
)

MOST = 60
_COLUMNS = 3
_WIDTH = 11.7  # inches: a sheet of A4, lying
_ROW, _EDGE = 36.0, 22.0  # mm between rows, and beyond the first and the last
_SQUARE, _ALARM = "#f2c4c4", "#bb2233"
_LONGEST_LINE = 72  # letters over a panel
_NOTE = 34  # of them, where there is a note at the right


def chosen_rows(count: int, number: int, seed: int) -> list[int]:
    """`number` different places among `count`, in order; all of them where there are fewer."""
    if not 1 <= number <= MOST:
        raise ValueError(f"number of recordings must be 1 to {MOST}, got {number}")
    if not count:
        raise ValueError("manifest must have at least one row, got none")
    chosen = np.random.default_rng(seed).choice(count, min(number, count), replace=False)
    return sorted(chosen.tolist())


def draw_sheet(manifest: str | PathLike, path: str | PathLike, number: int = 12, seed: int = 1) -> Figure:
    """Draws random recordings of a manifest as small multiples, each with id, labels and rate, and returns the figure.

    Args:
        manifest: a `.tsv` with its recordings beside it.
        path: the picture to write (the ending chooses the format).
        number: of recordings, at most 60.
        seed: another seed shows others; the same shows the same.

    Raises:
        ValueError, FileNotFoundError: the manifest or a chosen recording cannot be read.
    """
    rows = Manifest(manifest)
    records = [record_of_row(rows, rows[place]) for place in chosen_rows(len(rows), number, seed)]
    sheets = [_first_seconds(record) for record in records]
    width = 15 + MAX_SECONDS * SPEED
    height = 2 * _EDGE + _ROW * (max(len(rows_of(strips)) for _, strips in sheets) - 1)
    lines = -(-len(records) // _COLUMNS)
    panel = _WIDTH / _COLUMNS * 0.97 * height / width  # inches
    figure = Figure(figsize=(_WIDTH, lines * (panel + 0.34) + 0.3), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for one in axes[len(records) :]:
        one.set_axis_off()
    halved = False
    for one, record, (values, strips) in zip(axes, records, sheets, strict=False):
        halved |= _panel(one, record, values, strips, width, height)
    shown = "/".join(Path(manifest).absolute().parts[-2:])  # not whose folder it is
    figure.suptitle(
        f"{shown}: {len(records)} of {len(rows):,} recordings, seed {seed}; squares of 0.2 s and 0.5 mV"
        f"{' (1 mV at half scale)' if halved else ''}",
        fontsize=8,
    )
    figure.savefig(path)
    return figure


def _first_seconds(record: Record) -> tuple[np.ndarray, list[Strip]]:
    values = stretch(record.signal, record.rate)
    return values, arranged(record.leads, values.shape[1], record.rate, rhythm=False, apart=_ROW)[0]


def _fits(strips: list[Strip], heights: dict[str, np.ndarray], rate: float) -> bool:
    """Whether no trace runs over another, a name or the edge."""
    rows = rows_of(strips)
    parts = [[heights[one.lead][one.start : one.stop] for one in row] for row in (rows[0], rows[-1])]
    inside = min(part.min() for part in parts[0]) > -_EDGE and max(part.max() for part in parts[1]) < _EDGE
    pairs = [(one, other) for lower, upper in pairwise(rows) for one in upper for other in lower]
    return inside and all(distance_needed(*pair, heights, rate) <= _ROW for pair in pairs)


def _scale(record: Record, values: np.ndarray, strips: list[Strip]) -> tuple[float, str]:
    """Millimetres per millivolt, and what is to be said of it."""
    for gain, said in ((GAIN, ""), (GAIN / 2, f"half scale: {GAIN / 2:g} mm/mV")):
        heights = dict(zip(record.leads, np.nan_to_num(values * gain, posinf=0, neginf=0), strict=True))
        if _fits(strips, heights, record.rate):
            return gain, said
    return gain, f"{said}, still too tall"


def _panel(axes: Axes, record: Record, values: np.ndarray, strips: list[Strip], width: float, height: float) -> bool:
    """Draws one recording; returns whether it is at half the scale."""
    top = max(strip.zero for strip in strips) + _EDGE
    gain, said = _scale(record, values, strips)
    axes.set(xlim=(0, width), ylim=(top - height, top), aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(_SQUARE)
    across = [((x, top - height), (x, top)) for x in np.arange(0, width, 5)]
    along = [((0, y), (width, y)) for y in np.arange(strips[0].zero % 5, top, 5) if y > top - height]
    axes.add_collection(LineCollection(across + along, colors=_SQUARE, linewidths=0.25, zorder=0), autolim=False)
    for strip in strips:
        part = values[record.leads.index(strip.lead), strip.start : strip.stop]
        seconds = np.arange(len(part)) / record.rate
        axes.plot(
            strip.left + seconds * SPEED, strip.zero + part * gain, color=INK, linewidth=0.45, gid=f"lead-{strip.lead}"
        )
        axes.text(
            strip.left + 1,
            strip.zero + 10.2,
            strip.lead,
            fontsize=4.5,
            color=INK,
            clip_on=True,
            path_effects=HALO,
            zorder=3,
        )
    axes.set_title(_about(record, _LONGEST_LINE - _NOTE * bool(said)), fontsize=6, loc="left", pad=2, linespacing=1.25)
    axes.set_title(said, fontsize=6, loc="right", pad=2, color=_ALARM, weight="bold")
    return bool(said)


def _about(record: Record, letters: int) -> str:
    about = [str(record.meta[name]) for name in ("age", "sex") if record.meta.get(name) not in (None, "")]
    length = f"{record.seconds:.4g} s" + (f", first {MAX_SECONDS:g}" if record.seconds > MAX_SECONDS else "")
    first = ", ".join([_shortened(record.id), *about, f"{record.rate:g} Hz", length])
    labels = textwrap.shorten(labels_text(record), letters, placeholder=" …")
    return f"{first}\n{labels}".replace("$", r"\$")  # a dollar would begin a formula


def _shortened(id: str, letters: int = 34) -> str:
    return id if len(id) <= letters else f"{id[: letters // 2]}…{id[-letters // 2 + 1 :]}"
