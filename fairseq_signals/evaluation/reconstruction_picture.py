"""Original, masked and reconstructed leads side by side, as in figures 1 and 3 of Sawano et al. 2022.

Conventions: three columns with one row per lead, at one scale in millivolts and seconds. The middle column shows what
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
_LEAST, _MOST = 1.0, 4.0  # mV between the zero lines of two leads


def draw_reconstruction(found: Reconstruction, to: "str | PathLike") -> Figure:
    """The figure of a reconstruction, written to a file.

    Args:
        found: see `reconstruction.TrainedAutoencoder.reconstruct`.
        to: path of the picture (the ending chooses the format).
    """
    signal, masked = found.record.signal.astype(float), found.masked
    figure = Figure(figsize=(17, 1.4 + 0.62 * len(signal)), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    columns = figure.subplots(1, 3, sharex=True, sharey=True)
    seen, guess = np.where(masked, np.nan, signal), np.where(_with_neighbours(masked), found.reconstructed, np.nan)
    apart = float(np.clip(0.7 * np.ptp(signal, axis=1).max(), _LEAST, _MOST))
    _traces(columns[0], signal, apart, found.record.rate, INK, "original")
    _traces(columns[1], seen, apart, found.record.rate, INK, "seen")
    _traces(columns[2], signal, apart, found.record.rate, _GREY, "original")
    _traces(columns[2], seen, apart, found.record.rate, INK, "seen")
    _traces(columns[2], guess, apart, found.record.rate, _GUESS, "reconstructed")
    titles = ("original", f"masked: {masked.mean():.0%} hidden", "reconstructed")
    for axes, title in zip(columns, titles, strict=True):
        axes.set_title(title, fontsize=11)
        axes.set_xlabel(f"seconds; {apart:.1f} mV from lead to lead", fontsize=8)
        axes.set_yticks(-apart * np.arange(len(signal)), found.record.leads, fontsize=9)
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


def _traces(axes: Axes, signal: np.ndarray, apart: float, rate: float, colour: str, name: str) -> None:
    time = np.arange(signal.shape[1]) / rate
    for row, values in enumerate(signal):
        axes.plot(time, values - apart * row, color=colour, linewidth=0.7, gid=f"{name}-{row}")


def _with_neighbours(masked: np.ndarray) -> np.ndarray:
    """The masked samples and the one before each stretch, so that the coloured line begins at the black one."""
    wider = masked.copy()
    wider[:, :-1] |= masked[:, 1:]
    return wider
