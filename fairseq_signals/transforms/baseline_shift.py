"""Baseline shift: a stretch of the recording stands higher or lower, as after a jerk at an electrode.

Source: Oh et al. 2022, appendix B, after Mehari and Strodthoff 2022: n from t_start to t_end and 0 elsewhere, with
n ~ U(−0.5, 0.5) mV and [t_start, t_end] a random span of the signal.

Differs: the paper does not say how a span is drawn: here its ends are two samples drawn uniformly, so that it is a
third of the signal long on average. Nor does it say how the leads differ: here, as in its authors' code, each lead has
a sign of its own, which leaves U(−0.5, 0.5) as it is. That code's spans (`ratio: 0.2, amplitude: 0.25`) lie inside the
window and last N(ratio, (0.2 ratio)²) of it; those of Mehari and Strodthoff (`seconds: 3, spans_per_second: 0.3,
amplitude: 1, scale_power: 1, gain: signed_normal`) last N(s, (0.2 s)²) seconds around a uniform middle, cut off by the
window's ends, 0 to 0.3 per second of them, the later drawn over the earlier. Those authors keep no limb relations here.
Nakamoto et al. 2022 name baseline shifting and do not say of what: `whole: true` shifts the window from end to end,
which a preprocessing that takes off each lead's mean undoes.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import (
    WaveSettings,
    add_wave,
    draw_gains,
    draws_from,
    is_count,
    is_number,
    require,
)
from fairseq_signals.transforms.windows import Windows

SPREAD_OF_LENGTH = 0.2
"""Standard deviation of a span's length as a share of its mean, in both public codes."""


def shift_wave(first: Tensor, stop: Tensor, step: Tensor, samples: int) -> Tensor:
    """The shifted baseline, `[B, T]`: `step` from sample `first` until before `stop`, later spans over earlier ones.

    Args:
        first: `[B, S]`, samples; may lie before the window.
        stop: `[B, S]`, samples; may lie after it. A span with `stop <= first` is empty.
        step: `[B, S]`, mV.
        samples: T.
    """
    time = torch.arange(samples, device=step.device)
    wave = torch.zeros(len(step), samples, device=step.device)
    for begin, end, height in zip(first.T, stop.T, step.T, strict=True):
        inside = (time >= begin.unsqueeze(1)) & (time < end.unsqueeze(1))
        wave = torch.where(inside, height.unsqueeze(1), wave)
    return wave


def spans_between(uniform: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """First sample and stop of spans whose two ends are drawn uniformly.

    Args:
        uniform: draws from [0, 1) for both ends, `[2, B, S]`.
        valid: samples of each window that are no padding, `[B, 1]`.
    """
    ends = (uniform * valid).long()
    return ends.amin(dim=0), ends.amax(dim=0) + 1


def spans_of_length(length: Tensor, uniform: Tensor, valid: Tensor, inside: bool) -> tuple[Tensor, Tensor]:
    """First sample and stop of spans of given lengths.

    Args:
        length: samples, not rounded, `[B, S]`.
        uniform: a draw from [0, 1) that places each, `[B, S]`.
        valid: samples of each window that are no padding, `[B, 1]`.
        inside: place the span among all places inside the window; otherwise its middle, and let it end outside.
    """
    length = length.clamp(min=0)
    if inside:
        length = torch.minimum(length, valid)
    first = (uniform * (valid - length) if inside else uniform * valid - length / 2).floor()
    return first.long(), (first + length).floor().long()


@dataclass
class BaselineShiftSettings(WaveSettings):
    """Settings of `BaselineShift`, beside those of every wave (`noise.WaveSettings`).

    Attributes:
        ratio: mean length of a span as a share of the window; None draws both ends (the paper).
        seconds: mean length of a span in seconds, in place of `ratio`.
        spans: number of spans in a window, each with a step of its own.
        spans_per_second: where above 0, draw the number of spans from 0 to this, times the window's length, rounded up.
        whole: one step for the whole window, in place of spans.
    """

    gain: str = "sign"
    ratio: float | None = None
    seconds: float | None = None
    spans: int = 1
    spans_per_second: float = 0.0
    whole: bool = False

    def __post_init__(self):
        super().__post_init__()
        share = self.ratio is None or is_number(self.ratio, 0, 1)
        require(share, "ratio of baseline shift", "lie in 0 to 1 or be none", self.ratio)
        length = self.seconds is None or is_number(self.seconds, 0)
        require(length, "seconds of baseline shift", "be a number from 0 on or none", self.seconds)
        one = self.ratio is None or self.seconds is None
        require(one, "ratio and seconds of baseline shift", "not be given both", (self.ratio, self.seconds))
        require(is_count(self.spans, 1), "spans of baseline shift", "be 1, 2, 3, …", self.spans)
        per_second = is_number(self.spans_per_second, 0)
        require(per_second, "spans_per_second of baseline shift", "be a number from 0 on", self.spans_per_second)
        alone = not self.whole or (self.ratio, self.seconds, self.spans, self.spans_per_second) == (None, None, 1, 0)
        require(self.whole in (True, False) and alone, "whole of baseline shift", "be false with spans", self.whole)


@register_transform("baseline_shift")
class BaselineShift:
    """Shifts the baseline of every lead for a while."""

    Settings = BaselineShiftSettings

    def __init__(self, settings: BaselineShiftSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with shifts; draws spans, steps and gains per window."""
        source, samples = draws_from(generator, windows), windows.signal.shape[2]
        valid = windows.valid_lengths.unsqueeze(1).float()  # [B, 1]
        used = self._used(valid, samples, rate, source)  # [B, S]
        first, stop = self._spans(valid, used.shape, rate, source)
        step = self.settings.amplitude * (2 * torch.rand(used.shape, **source) - 1)
        wave = shift_wave(first, torch.where(used, stop, 0), step, samples)
        return windows.with_signal(add_wave(windows.signal, draw_gains(windows, self.settings, source), wave))

    def _used(self, valid: Tensor, samples: int, rate: float, source: dict[str, Any]) -> Tensor:
        density = self.settings.spans_per_second
        if not density:
            return torch.ones(len(valid), self.settings.spans, device=valid.device, dtype=torch.bool)
        most = torch.ceil(density * valid.double() / rate)  # [B, 1]; a padded window has room for fewer
        number = (torch.rand(len(valid), 1, **source) * (most + 1)).floor()
        return torch.arange(math.ceil(density * samples / rate), device=valid.device) < number

    def _spans(self, valid: Tensor, shape: torch.Size, rate: float, source: dict[str, Any]) -> tuple[Tensor, Tensor]:
        ratio, seconds = self.settings.ratio, self.settings.seconds
        if self.settings.whole:
            return torch.zeros_like(valid).long(), valid.long()
        if ratio is None and seconds is None:
            return spans_between(torch.rand(2, *shape, **source), valid)
        mean = torch.full_like(valid, seconds * rate) if ratio is None else ratio * valid
        length = mean * (1 + SPREAD_OF_LENGTH * torch.randn(shape, **source))
        return spans_of_length(length, torch.rand(shape, **source), valid, inside=ratio is not None)
