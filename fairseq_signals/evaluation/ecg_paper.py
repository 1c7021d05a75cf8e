"""A recording on ECG paper: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip, as in the clinic.

Conventions: everything is drawn in millimetres of paper (`paper_layout` says what stands where), at true scale when
the page is printed at its own size. Tall complexes make the paper taller; they never change the scale.
"""

import textwrap
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.evaluation.paper_layout import GAIN, SPEED, Strip, arranged, stretch, title_lines, with_room

DPI = 152.4  # six dots per millimetre, so that the grid's lines fall on dots and look even
_LETTER = 1.85  # mm, the title's widest common letters
_INCH = 25.4

HALO = [withStroke(linewidth=2, foreground="white")]  # keeps names legible over traces

_MINOR, _MAJOR, INK, _MASKED = "#f9d3d3", "#eb9a9a", "#101018", "#8c8c8c"


def draw(
    signal: "Record | np.ndarray",
    to: "str | PathLike | Axes",
    title: str | None = None,
    masked_leads: Sequence[str] = (),
    rate: float | None = None,
    leads: Sequence[str] | None = None,
    start: float = 0.0,
    dpi: float = DPI,
    whole: bool = False,
    beside: Callable[[Axes, list[Strip]], None] | None = None,
) -> Figure:
    """The figure of a recording on ECG paper, written to a file or drawn into given axes.

    Args:
        signal: a record, or `[L, T]` in millivolts with `rate` and `leads` given. NaN leaves a gap.
        to: path of the picture (the ending chooses the format), or matplotlib axes to draw into.
        title: text above the traces; for a record by default its id, patient, age, sex, labels and rate.
        masked_leads: names of leads that the model does not see: flat grey lines with the word "masked".
        rate: samples per second (Hz), for an array.
        leads: names of the array's rows; standard names.
        start: second at which the first column begins; at most ten seconds are shown from there.
        dpi: dots per inch of a picture in pixels.
        whole: every lead in full length, one under the other, in place of the clinic's columns.
        beside: called with the axes (mm) and what stands where, to draw more before the picture is written.

    Raises:
        ValueError: names, rate, start or shape do not fit.
    """
    values, rate, leads, text = _parts(signal, rate, leads)
    masked = _checked_names(masked_leads, leads, "masked_leads")
    values = stretch(values, rate, start)
    strips, width, height = arranged(leads, values.shape[1], rate, whole=whole)
    lines = title_lines(strips, height)
    drawn = np.nan_to_num(values * GAIN, posinf=0, neginf=0)
    heights = {lead: 0 * row if lead in masked else row for lead, row in zip(leads, drawn, strict=True)}
    strips, height = with_room(strips, height, heights, rate)
    text = _wrapped(text if title is None else title, width)
    height += 5 * max(0, text.count("\n") + 1 - lines)
    figure, axes = _sheet(to, width, height, dpi)
    _paper(axes, width, height)
    for row in sorted({strip.zero for strip in strips}):
        _calibration(axes, row)
    for strip in strips:
        _trace(axes, strip, values[leads.index(strip.lead)], rate, strip.lead in masked)
    if len({strip.left for strip in strips}) > 1:
        _column_marks(axes, strips)
    axes.text(2, height - 3, text, fontsize=8, va="top", color=INK, linespacing=1.35)
    footer = f"{SPEED:g} mm/s   {GAIN:g} mm/mV   {rate:g} Hz"
    axes.text(2, 2.2, footer, fontsize=7, va="bottom", color=INK)
    if beside is not None:
        beside(axes, strips)
    if not isinstance(to, Axes):
        figure.savefig(to, dpi=dpi)
    return figure


def _parts(
    signal: "Record | np.ndarray", rate: float | None, leads: Sequence[str] | None
) -> tuple[np.ndarray, float, tuple[str, ...], str]:
    """Values `[L, T]`, rate, lead names and the default title."""
    if isinstance(signal, Record):
        return signal.signal, signal.rate, signal.leads, record_title(signal)
    if rate is None or leads is None:
        raise ValueError("rate and leads must be given with an array, got none of one of them")
    values = np.asarray(signal, dtype=float)
    names = _checked_names(leads, STANDARD_LEADS, "leads")
    if values.ndim != 2 or values.shape[0] != len(names) or not values.shape[1] or not rate > 0:
        raise ValueError(
            f"signal must be [L, T] with one row per lead ({len(names)}) and a positive rate, "
            f"got shape {values.shape} at {rate} Hz"
        )
    return values, float(rate), names, ""


def _checked_names(names: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    unknown = [name for name in names if name not in known]
    if isinstance(names, str) or unknown:
        raise ValueError(f"{what} must be names among {', '.join(known)}, got {names!r}")
    return tuple(names)


def record_title(record: Record) -> str:
    """What is known of a recording, in a line or two: id, patient, age, sex; labels."""
    about = [f"{name} {record.meta[name]}" for name in ("age", "sex") if record.meta.get(name) not in (None, "")]
    patient = [f"patient {record.patient}"] if record.patient else []
    labels = labels_text(record)
    return "   ".join([record.id, *patient, *about]) + (f"\n{labels}" if labels else "")


def labels_text(record: Record) -> str:
    """The labels of a record, for people; what is unknown is told apart from what does not apply.

    Only a manifest tells which labels are unknown; without one, nothing is said of a record without labels.
    """
    if record.meta.get("unlabelled"):
        return "labels unknown"
    unknown = ", ".join(record.meta.get("unknown", ()))
    labels = ", ".join(record.labels) or ("no label applies" if "unlabelled" in record.meta else "")
    return f"{labels}; unknown: {unknown}" if unknown else labels


def _wrapped(text: str, width: float) -> str:
    """Lines that fit on paper of this width in mm."""
    letters = int((width - 4) / _LETTER)
    return "\n".join(part for line in text.split("\n") for part in textwrap.wrap(line, letters) or [""])


def _sheet(to: "str | PathLike | Axes", width: float, height: float, dpi: float) -> tuple[Figure, Axes]:
    """A page of this size in mm, or the given axes."""
    if isinstance(to, Axes):
        figure, axes = to.figure, to
    else:
        figure = Figure(figsize=(width / _INCH, height / _INCH), dpi=dpi, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.set_axis_off()
    return figure, axes


def _paper(axes: Axes, width: float, height: float) -> None:
    """Fine lines each millimetre, strong ones each fifth: 0.04 s and 0.1 mV, 0.2 s and 0.5 mV."""
    for step, colour, line in ((1, _MINOR, 0.35), (5, _MAJOR, 0.6)):
        across = [((x, 0), (x, height)) for x in np.arange(0, width + 1, step)]
        along = [((0, y), (width, y)) for y in np.arange(0, height + 1, step)]
        axes.add_collection(LineCollection(across + along, colors=colour, linewidths=line, zorder=0), autolim=False)


def _calibration(axes: Axes, zero: float) -> None:
    """A pulse of 1 mV and 0.2 s before the first column."""
    left, right = 2.5, 2.5 + 0.2 * SPEED
    x = [left - 1, left, left, right, right, right + 1]
    axes.plot(x, zero + GAIN * np.array([0, 0, 1, 1, 0, 0]), color=INK, linewidth=0.8, gid="calibration")


def _trace(axes: Axes, strip: Strip, values: np.ndarray, rate: float, masked: bool) -> None:
    """One lead's stretch with its name; a masked lead is a flat grey line that says so."""
    x = strip.left + np.arange(strip.stop - strip.start) / rate * SPEED
    y = values[strip.start : strip.stop] * GAIN
    colour = _MASKED if masked else INK
    y = np.zeros_like(y) if masked else y
    axes.plot(x, strip.zero + y, color=colour, linewidth=0.8, solid_joinstyle="round", gid=f"lead-{strip.lead}")
    name = {"fontsize": 8, "weight": "bold", "color": colour, "path_effects": HALO, "zorder": 3}
    axes.text(strip.left + 1.2, strip.zero + 10.6, strip.lead, **name)
    if masked:
        middle = (x[0] + x[-1]) / 2
        axes.text(middle, strip.zero + 1.2, "masked", fontsize=8, style="italic", color=colour, ha="center")


def _column_marks(axes: Axes, strips: list[Strip]) -> None:
    """Short upright marks where one lead gives way to the next."""
    for strip in strips:
        if strip.start:
            axes.plot([strip.left] * 2, [strip.zero - 3, strip.zero + 3], color=INK, linewidth=0.6)
