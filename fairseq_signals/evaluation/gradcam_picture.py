"""Grad-CAM on ECG paper: behind each trace, the more colour the more that stretch speaks for the class.

Conventions: every lead is shown in full length, since the clinic's columns would hide three quarters of what speaks for
a class. The strongest colour is the recording's own largest value, so that colours of two pictures do not compare;
how sure the model is stands above. A picture without colour is one where nothing speaks for the class.
"""

from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fairseq_signals.evaluation.ecg_paper import INK, draw, record_title
from fairseq_signals.evaluation.gradcam_recording import Activation
from fairseq_signals.evaluation.paper_layout import SPEED, Strip, stretch

_BAND = 9.0  # mm of colour above and below the zero line
_BAR = (52.0, 10.0, 2.4, 4.6)  # mm: left and right end of the colour bar from the paper's right side, bottom and top
_COLOURS = ListedColormap(
    # Clear paper, then amber, then a red that the traces still stand out from.
    np.stack(
        [np.linspace(1, 0.85, 256), np.linspace(0.8, 0.15, 256), np.linspace(0.2, 0.1, 256), np.linspace(0, 0.75, 256)],
        axis=1,
    )
)


def draw_activation(activation: Activation, to: "str | PathLike | Axes", start: float = 0.0) -> Figure:
    """The figure of a recording with what speaks for a class, written to a file or drawn into given axes.

    Args:
        activation: of a recording, see `gradcam_recording.activation_of`.
        to: path of the picture (the ending chooses the format), or matplotlib axes to draw into.
        start: second at which the picture begins; at most ten seconds are shown from there.

    Raises:
        ValueError: the start does not fit.
    """
    record = activation.record
    largest = float(activation.heat.max(initial=0))
    heat = stretch(activation.heat / largest if largest > 0 else activation.heat, record.rate, start)
    way = "against" if activation.against else "for"
    seen = f"Grad-CAM {way} {activation.name}: probability {activation.probability:.3f}, label: {activation.truth}"
    seen += "" if largest > 0 else f"; nothing speaks {way} it"
    seen += f"\n{activation.remark}" if activation.remark else ""

    def colours(axes: Axes, strips: list[Strip]) -> None:
        axes.autoscale(False)
        for strip in strips:
            _band(axes, strip, heat[record.leads.index(strip.lead)], record.rate)
        _colour_bar(axes, f"{way} {activation.name}")

    return draw(record, to, f"{record_title(record)}\n{seen}", start=start, whole=True, beside=colours)


def _band(axes: Axes, strip: Strip, heat: np.ndarray, rate: float) -> None:
    left, right = (strip.left + (place - 0.5) / rate * SPEED for place in (0, strip.stop - strip.start))
    extent = (left, right, strip.zero - _BAND, strip.zero + _BAND)
    _colour(axes, heat[None, strip.start : strip.stop], extent).set_gid(f"heat-{strip.lead}")


def _colour(axes: Axes, values: np.ndarray, extent: tuple[float, float, float, float]) -> AxesImage:
    """Numbers from 0 to 1, `[1, T]`, as colours between four edges in mm, under the traces."""
    return axes.imshow(values, _COLOURS, aspect="equal", extent=extent, vmin=0, vmax=1, zorder=0.5)


def _colour_bar(axes: Axes, what: str) -> None:
    left, right, bottom, top = _BAR
    width = axes.get_xlim()[1]
    _colour(axes, np.linspace(0, 1, 100)[None], (width - left, width - right, bottom, top))
    text = {"fontsize": 7, "color": INK, "va": "center", "y": (bottom + top) / 2}
    axes.text(x=width - left - 1.5, s=f"speaks {what}: not", ha="right", **text)
    axes.text(x=width - right + 1.5, s="most", ha="left", **text)
