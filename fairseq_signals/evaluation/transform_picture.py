"""Examples of transforms: one lead of a recording before and after each, as in figure 1 of Nakamoto et al. 2022.

Conventions: the window is the recording's first ten seconds, or less. Every panel has the same scale, in millivolts and
seconds, the original in grey under the transformed signal. Of several draws the first is shown that changes the lead,
since many a transform leaves some leads or windows as they are; what stands above a panel are the transform's settings.
"""

import textwrap
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_signals.data.keys import keyed_seed
from fairseq_signals.data.record import Record
from fairseq_signals.evaluation.ecg_paper import INK, record_title
from fairseq_signals.evaluation.paper_layout import MAX_SECONDS
from fairseq_signals.transforms import TRANSFORMS
from fairseq_signals.transforms.pipeline import resolve_transforms
from fairseq_signals.transforms.windows import Windows

DRAWS = 32
_GREY = "#9a9aa5"
_LETTERS = 185  # of a line above a panel


def transformed_examples(
    record: Record, specs: "str | Sequence | None", lead: str, seed: int = 1, seconds: float = MAX_SECONDS
) -> list[tuple[dict[str, Any], np.ndarray]]:
    """Each transform's full settings, and the lead after it, `[T]` in mV; padding behind a shortened window is NaN.

    Args:
        record: any recording that has the lead.
        specs: transforms as a recipe names them, see `pipeline.resolve_transforms`; None for all there are.
        lead: name of the lead that is shown.
        seed: another seed draws others.
        seconds: of the window, from the recording's first sample.

    Raises:
        ValueError: an unknown transform, setting or lead, or samples that are not finite.
    """
    if lead not in record.leads:
        raise ValueError(f"lead must be one of {', '.join(record.leads)}, got {lead!r} (record {record.id})")
    signal = torch.from_numpy(record.signal[:, : round(seconds * record.rate)])
    if not signal.isfinite().all():
        raise ValueError(f"signal must be finite, got samples that are not (record {record.id})")
    present = torch.ones(DRAWS, len(record.leads), dtype=torch.bool)
    whole = Windows(signal.expand(DRAWS, -1, -1).clone(), present, leads=record.leads)
    row, found = record.leads.index(lead), []
    for place, spec in enumerate(resolve_transforms(TRANSFORMS.names() if specs is None else specs)):
        generator = torch.Generator().manual_seed(keyed_seed(seed, place))
        result = TRANSFORMS.build(spec)(whole, record.rate, generator)
        after = result.signal[:, row]  # [DRAWS, T]
        shown = int((after != whole.signal[:, row]).any(dim=1).float().argmax())
        after = after[shown].double().numpy()
        after[int(result.valid_lengths[shown]) :] = np.nan
        found.append((spec, after))
    return found


def draw_transforms(
    record: Record, specs: "str | Sequence | None", to: "str | PathLike", lead: str = "II", seed: int = 1
) -> Figure:
    """The figure of examples of transforms, one panel each below the original; written to a file.

    Args and errors: as in `transformed_examples`; `to` is the path of the picture (the ending chooses the format).
    """
    examples = transformed_examples(record, specs, lead, seed)
    if not examples:
        raise ValueError("transforms must be named, got none")
    original = record.signal[record.leads.index(lead), : len(examples[0][1])]
    titles = [_title(spec) for spec, _ in examples]
    heights = [1.0, *(1.0 + 0.14 * title.count("\n") for title in titles)]
    figure = Figure(figsize=(11.7, 0.5 + 1.15 * sum(heights)), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, sharex=True, sharey=True, height_ratios=heights)
    _panel(axes[0], f"original, lead {lead}: {record_title(record)}".replace("\n", "   "), original, None, record.rate)
    for one, title, (_, after) in zip(axes[1:], titles, examples, strict=True):
        _panel(one, title, original, after, record.rate)
    axes[-1].set_xlabel("seconds")
    figure.supylabel("mV", fontsize=9)
    figure.savefig(to)
    return figure


def _panel(axes: Axes, title: str, original: np.ndarray, after: "np.ndarray | None", rate: float) -> None:
    time = np.arange(len(original)) / rate
    axes.plot(time, original, color=INK if after is None else _GREY, linewidth=0.8, gid="original")
    if after is not None:
        axes.plot(time, after, color=INK, linewidth=0.8, gid="transformed")
    axes.set_title(title, loc="left", fontsize=8)
    axes.margins(x=0)
    axes.tick_params(labelsize=7)
    axes.grid(color="#eeeeee")


def _title(spec: Mapping[str, Any]) -> str:
    return "\n".join(textwrap.wrap(_named(spec), _LETTERS))


def _named(spec: Mapping[str, Any]) -> str:
    """A transform with its settings, its members' too."""
    settings = {name: value for name, value in spec.items() if name != "_name"}
    return f"{spec['_name']}   {', '.join(f'{name} {_text(value)}' for name, value in settings.items())}".rstrip()


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and "_name" in value:
        return f"({_named(value)})"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
