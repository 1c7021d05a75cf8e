"""A sheet of random recordings of a manifest, all at one scale: what a data set looks like at a glance.

Conventions: every panel is the clinic's arrangement of leads (`paper_layout`) at a reduced scale, with squares of 0.2 s
and 0.5 mV. The scale is the same in all panels and never fitted to the signal, so that a wrong gain is seen.
"""

import textwrap
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
from fairseq_signals.evaluation.paper_layout import GAIN, MAX_SECONDS, ROW, SPEED, Strip, arranged, stretch

MOST = 60
_COLUMNS = 3
_WIDTH = 11.7  # inches: a sheet of A4, lying
_SQUARE = "#f2c4c4"
_LONGEST_LINE = 72  # letters over a panel


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
    height = ROW * max(len({strip.zero for strip in strips}) for _, strips in sheets)
    lines = -(-len(records) // _COLUMNS)
    panel = _WIDTH / _COLUMNS * 0.97 * height / width  # inches
    figure = Figure(figsize=(_WIDTH, lines * (panel + 0.34) + 0.3), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for one in axes[len(records) :]:
        one.set_axis_off()
    for one, record, (values, strips) in zip(axes, records, sheets, strict=False):
        _panel(one, record, values, strips, width, height)
    figure.suptitle(
        f"{Path(manifest)}: {len(records)} of {len(rows):,} recordings, seed {seed}; squares of 0.2 s and 0.5 mV",
        fontsize=8,
    )
    figure.savefig(path)
    return figure


def _first_seconds(record: Record) -> tuple[np.ndarray, list[Strip]]:
    values = stretch(record.signal, record.rate)
    return values, arranged(record.leads, values.shape[1], record.rate, rhythm=False)[0]


def _panel(axes: Axes, record: Record, values: np.ndarray, strips: list[Strip], width: float, height: float) -> None:
    top = max(strip.zero for strip in strips) + ROW / 2
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
            strip.left + seconds * SPEED, strip.zero + part * GAIN, color=INK, linewidth=0.45, gid=f"lead-{strip.lead}"
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
    axes.set_title(_about(record), fontsize=6, loc="left", pad=2, linespacing=1.25)


def _about(record: Record) -> str:
    about = [str(record.meta[name]) for name in ("age", "sex") if record.meta.get(name) not in (None, "")]
    length = f"{record.seconds:.4g} s" + (f", first {MAX_SECONDS:g}" if record.seconds > MAX_SECONDS else "")
    first = ", ".join([_shortened(record.id), *about, f"{record.rate:g} Hz", length])
    labels = textwrap.shorten(labels_text(record), _LONGEST_LINE, placeholder=" …")
    return f"{first}\n{labels}".replace("$", r"\$")  # a dollar would begin a formula


def _shortened(id: str, letters: int = 34) -> str:
    return id if len(id) <= letters else f"{id[: letters // 2]}…{id[-letters // 2 + 1 :]}"
