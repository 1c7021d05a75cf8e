"""How the positives of a method are made: which stretches of a window become its views.

Views of one window stand apart by the number of windows: rows `0..B-1` are the first view of every window, rows
`B..2B-1` the second, and so on; `ids["window"]` says which belong together.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fairseq_signals.transforms.windows import Windows


def single(windows: Windows) -> Windows:
    """The window itself: wav2vec 2.0, CPC, MAE."""
    return windows


def augment(windows: Windows) -> Windows:
    """The same window twice, for transforms to tell apart: SimCLR, 3KG, BYOL, MoCo."""
    return _stack([windows, windows])


def adjacent(windows: Windows) -> Windows:
    """The two neighbouring halves of a window: CMSC (Kiyasseh et al. 2021), Oh et al. 2022, section 3.1.

    Differs: the paper pairs whole five-second segments and knows no shorter ones. A padded window (a recording shorter
    than it) is halved where its valid part has its middle, so that both halves hold signal and padding counts nowhere.
    """
    half = windows.signal.shape[2] // 2
    if windows.lengths is None:
        parts = [windows.signal[..., :half], windows.signal[..., half : 2 * half]]
        return _stack([replace(windows, signal=part) for part in parts])
    middle = windows.lengths // 2
    first = stretch(windows, torch.zeros_like(middle), middle, half)
    return _stack([first, stretch(windows, middle, middle, half)])


def crops(windows: Windows, starts: list[Tensor], lengths: list[int]) -> Windows:
    """Several stretches of each window (SwAV), padded to the longest of them.

    Args:
        windows: `B` windows.
        starts: first sample of each crop, one int64 `[B]` per crop.
        lengths: samples of each crop.
    """
    valid = windows.signal.shape[2] if windows.lengths is None else windows.lengths
    parts = []
    for start, length in zip(starts, lengths, strict=True):
        rest = torch.as_tensor(valid, device=start.device) - start
        parts.append(stretch(windows, start, rest.clamp(min=0, max=length), max(lengths)))
    stacked = _stack(parts)
    return replace(stacked, lengths=None) if len(set(lengths)) == 1 and windows.lengths is None else stacked


VIEWS: dict[str, Callable[[Windows], Windows]] = {"single": single, "adjacent": adjacent, "augment": augment}
"""The views that need no draw, by the name that a recipe gives."""


def view_seconds(views: Any, window_seconds: float) -> float:
    """How long the views of a window are, in seconds: what an encoder pre-trained on them has seen.

    Args:
        views: as a recipe names them.
        window_seconds: length of the window they are cut from.
    """
    if isinstance(views, Mapping):
        return float(max(views["seconds"]))
    return window_seconds / 2 if views == "adjacent" else window_seconds


def view_samples(views: Any, window_seconds: float, rate: float) -> list[int]:
    """How many samples each view of a window has, in the order in which views stand apart.

    Args:
        views: as a recipe names them.
        window_seconds: length of the window they are cut from.
        rate: Hz.
    """
    if isinstance(views, Mapping):
        return [round(length * rate) for length in views["seconds"]]
    samples = round(window_seconds * rate)
    return {"single": [samples], "adjacent": 2 * [samples // 2], "augment": 2 * [samples]}[views]


def stretch(windows: Windows, start: Tensor, length: Tensor, size: int) -> Windows:
    """From each window `length` `[B]` samples from `start` `[B]` on, padded to `size` samples."""
    place = start.unsqueeze(1) + torch.arange(size, device=start.device)  # [B, size]
    place = place.clamp(max=windows.signal.shape[2] - 1).unsqueeze(1).expand(-1, windows.signal.shape[1], -1)
    cut = replace(windows, lengths=length)
    return cut.with_signal(windows.signal.gather(2, place))


def _stack(views: list[Windows]) -> Windows:
    first = views[0]
    return replace(
        first,
        signal=torch.cat([view.signal for view in views]),
        present=torch.cat([view.present for view in views]),
        lengths=None if first.lengths is None else torch.cat([view.lengths for view in views]),
        ids={name: values.repeat(len(views)) for name, values in first.ids.items()},
        view=torch.arange(len(views), device=first.signal.device).repeat_interleave(len(first.signal)),
    )
