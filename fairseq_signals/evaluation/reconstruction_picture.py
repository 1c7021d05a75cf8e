"""Original, masked and reconstructed leads side by side, as in figures 1 and 3 of Sawano et al. 2022.

Conventions: three columns with one row per lead, at one scale in millivolts and seconds; rows stand as far apart as
their leads need. The middle column shows what
the encoder saw. In the right one what it saw is black, what the decoder made up is coloured, and the original lies in
grey under it.
"""

from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_signals.evaluation.ecg_paper import INK, record_title
from fairseq_signals.evaluation.nearness import Nearness
from fairseq_signals.evaluation.reconstruction import Reconstruction

_GREY, _GUESS = "#b4b4bd", "#c8321e"
_LEAST, _MOST, _GAP = 0.8, 5.0, 0.15  # mV between the zero lines of two leads, and between their traces
_INCHES = 0.55  # per mV


def draw_reconstruction(found: Reconstruction, to: "str | PathLike") -> Figure:
    """The figure of a reconstruction, written to a file.

    Args:
        found: see `reconstruction.TrainedAutoencoder.reconstruct`.
        to: path of the picture (the ending chooses the format).
    """
    signal, masked = found.record.signal.astype(float), found.masked
    zeros = _zero_lines(np.stack([signal, found.reconstructed]))
    figure = Figure(figsize=(17, 1.8 + _INCHES * (2 - zeros[-1])), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    columns = figure.subplots(1, 3, sharex=True, sharey=True)
    seen, guess = np.where(masked, np.nan, signal), np.where(_with_neighbours(masked), found.reconstructed, np.nan)
    rate = found.record.rate
    _traces(columns[0], signal, zeros, rate, INK, "original")
    _traces(columns[1], seen, zeros, rate, INK, "seen")
    _traces(columns[2], signal, zeros, rate, _GREY, "original")
    _traces(columns[2], seen, zeros, rate, INK, "seen")
    _traces(columns[2], guess, zeros, rate, _GUESS, "reconstructed")
    _scale(columns[0], float(np.nanmin(signal[-1])) + zeros[-1])
    titles = ("original", f"masked: {masked.mean():.0%} hidden", "reconstructed")
    for axes, title in zip(columns, titles, strict=True):
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("seconds", fontsize=8)
        axes.set_yticks(zeros, found.record.leads, fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
        axes.margins(x=0.005, y=0.01)
        axes.grid(axis="y", color="#ededf0")
    figure.suptitle(f"{record_title(found.record)}\n{said(found)}", x=0.01, ha="left", fontsize=9)
    figure.savefig(to)
    return figure


def said(found: Reconstruction) -> str:
    """The numbers of a reconstruction in a line or two."""
    text = f"hidden samples: {_numbers(found.hidden)}"
    if found.hidden_qrs is not None:
        text += f"   of them in QRS complexes: {_numbers(found.hidden_qrs)}"
    if found.levels_given:
        text += "\nlevel and amplitude of each hidden patch are the original's: the model was trained on shapes alone"
    return text


def _numbers(one: Nearness) -> str:
    return (
        f"correlation {one.correlation:.3f}, error {one.error:.3f} mV (a constant's: {one.deviation:.3f} mV), "
        f"{one.samples:,} samples"
    )


def _zero_lines(signals: np.ndarray) -> np.ndarray:
    """Where the zero line of each lead stands, mV, so that the traces of `[N, L, T]` keep clear of one another."""
    lowest, highest = signals.min(axis=(0, 2)), signals.max(axis=(0, 2))
    apart = np.clip(highest[1:] - lowest[:-1] + _GAP, _LEAST, _MOST)
    return np.concatenate([[0.0], -np.cumsum(apart)])


def _scale(axes: Axes, lowest: float) -> None:
    """A bar of 1 mV under the traces."""
    axes.plot([0, 0], [lowest - 1.2, lowest - 0.2], color=INK, linewidth=1.5, gid="scale")
    axes.text(0.1, lowest - 0.7, "1 mV", fontsize=8, va="center", color=INK)


def _traces(axes: Axes, signal: np.ndarray, zeros: np.ndarray, rate: float, colour: str, name: str) -> None:
    time = np.arange(signal.shape[1]) / rate
    for row, (zero, values) in enumerate(zip(zeros, signal, strict=True)):
        axes.plot(time, zero + values, color=colour, linewidth=0.7, gid=f"{name}-{row}")


def _with_neighbours(masked: np.ndarray) -> np.ndarray:
    """The masked samples and the one before each stretch, so that the coloured line begins at the black one."""
    wider = masked.copy()
    wider[:, :-1] |= masked[:, 1:]
    return wider
