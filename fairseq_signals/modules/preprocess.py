"""What a model does to every window before its encoder sees it, in training, validation and embedding alike.

It is no augmentation: it belongs to the model and is saved with it. Absent leads and padding are zero before and
after, whatever the normalisation.
"""

import math
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor, nn

from fairseq_signals.modules.pooling import valid_frames


@dataclass
class PreprocessSettings:
    """Settings of `Preprocess`.

    Attributes:
        normalise: "none", "constant" (per-lead `mean` and `deviation`) or "window" (z-score of each lead over the
            valid samples of its window).
        mean, deviation: millivolts, one number for all leads or one per lead, for "constant".
        low_hz, high_hz: pass band; None leaves that side open.
        order: order of the Butterworth magnitude response (applied once each way, without phase shift).
    """

    normalise: str = "none"
    mean: Optional[list] = None
    deviation: Optional[list] = None
    low_hz: Optional[float] = None
    high_hz: Optional[float] = None
    order: int = 2

    def __post_init__(self):
        if self.normalise not in ("none", "constant", "window"):
            raise ValueError(f"normalise must be 'none', 'constant' or 'window', got {self.normalise!r}")
        for name in ("mean", "deviation"):
            self._check_constants(name, getattr(self, name))
        if self.normalise == "constant" and self.deviation is None:
            raise ValueError("deviation must hold positive millivolts for 'constant', got None")
        if not (isinstance(self.order, int) and self.order >= 1):
            raise ValueError(f"order of the filter must be a whole number from 1 on, got {self.order!r}")
        if self.low_hz and self.high_hz and self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz must be below high_hz, got {self.low_hz} and {self.high_hz}")

    def _check_constants(self, name: str, values: Optional[list]):
        if values is None:
            return
        if self.normalise != "constant":
            raise ValueError(f"{name} must be given with normalise 'constant' only, got it with {self.normalise!r}")
        numbers = isinstance(values, (list, tuple)) and all(isinstance(x, (int, float)) for x in values)
        positive = name == "mean" or (numbers and all(x > 0 for x in values))
        if not (numbers and values and all(map(math.isfinite, values)) and positive):
            kind = "finite" if name == "mean" else "positive"
            raise ValueError(f"{name} must be a list of {kind} millivolts, got {values}")


class Preprocess(nn.Module):
    """Optional band-pass, then optional normalisation of windows in millivolts."""

    def __init__(self, settings: PreprocessSettings, rate: float, leads: int):
        """Args: `rate` in Hz and number of `leads` of the windows to come."""
        super().__init__()
        self.settings, self.rate = settings, rate
        for side in ("low_hz", "high_hz"):
            cutoff = getattr(settings, side)
            if cutoff is not None and not 0 < cutoff < rate / 2:
                raise ValueError(f"{side} must lie between 0 and {rate / 2} Hz (half of rate), got {cutoff}")
        for name in ("mean", "deviation"):
            values = getattr(settings, name)
            if values is not None and len(values) not in (1, leads):
                raise ValueError(f"{name} must hold 1 or {leads} numbers (one per lead), got {len(values)}")

    @torch.no_grad()
    def forward(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Preprocessed windows `[B, L, T]`, float32.

        Args:
            signal: millivolts `[B, L, T]`.
            lengths: number of valid samples `[B]`, None where no window is padded.
            present: boolean `[B, L]`, leads that exist; None where all do.
        """
        filtered, valid = self._filtered(signal, lengths), _valid_samples(signal, lengths)
        if self.settings.normalise != "none":
            mean, deviation = self._units(filtered, valid)
            filtered = (filtered - mean) / deviation
        if valid is not None:
            filtered = filtered * valid
        return filtered if present is None else filtered * present.unsqueeze(2)

    @torch.no_grad()
    def units(self, signal: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and deviation (mV) that are taken off windows and that divide them: `[B, L, 1]`, or as broadcasts to it.

        Preprocessed windows times the deviation plus the mean are the windows again, filtered where a pass band is set.
        """
        if self.settings.normalise == "none":
            return signal.new_zeros(1, 1, 1, dtype=torch.float32), signal.new_ones(1, 1, 1, dtype=torch.float32)
        return self._units(self._filtered(signal, lengths), _valid_samples(signal, lengths))

    def _filtered(self, signal: Tensor, lengths: Tensor | None) -> Tensor:
        settings, signal = self.settings, signal.float()
        if settings.low_hz or settings.high_hz:
            return band_pass(signal, self.rate, settings.low_hz, settings.high_hz, settings.order, lengths)
        return signal

    def _units(self, filtered: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.settings.normalise == "window":
            return lead_statistics(filtered, valid)
        mean = filtered.new_tensor(self.settings.mean or [0.0])[:, None]
        return mean, filtered.new_tensor(self.settings.deviation)[:, None]


def _valid_samples(signal: Tensor, lengths: Tensor | None) -> Tensor | None:
    return None if lengths is None else valid_frames(lengths, signal.shape[2]).unsqueeze(1)  # [B, 1, T]


def lead_statistics(signal: Tensor, valid: Tensor | None = None, smallest: float = 1e-3) -> tuple[Tensor, Tensor]:
    """Mean and deviation (mV) of each lead of each window over its valid samples, `[B, L, 1]`.

    Args:
        signal: millivolts `[B, L, T]`.
        valid: boolean `[B, 1, T]`.
        smallest: what smaller deviations are taken for: a flat lead stays flat instead of becoming noise.
    """
    weight = torch.ones_like(signal[:, :1]) if valid is None else valid.float()
    weight = weight / weight.sum(dim=2, keepdim=True).clamp(min=1)
    mean = (signal * weight).sum(dim=2, keepdim=True)
    deviation = ((signal - mean).square() * weight).sum(dim=2, keepdim=True).sqrt()
    return mean, deviation.clamp(min=smallest)


def z_score(signal: Tensor, valid: Tensor | None = None, smallest: float = 1e-3) -> Tensor:
    """Each lead of each window with mean 0 and deviation 1 over its valid samples; see `lead_statistics`."""
    mean, deviation = lead_statistics(signal, valid, smallest)
    return (signal - mean) / deviation


def band_pass(
    signal: Tensor,
    rate: float,
    low_hz: float | None,
    high_hz: float | None,
    order: int,
    lengths: Tensor | None = None,
) -> Tensor:
    """Zero-phase Butterworth filtering of windows `[B, L, T]`, as by a forward and a backward pass.

    The squared magnitude response is applied in the frequency domain. Each window is continued beyond both ends
    by its point reflection, without end: the straight line through its first and last sample, which passes a low
    pass and not a high pass, is taken off, and what remains is repeated with its mirror image of opposite sign,
    which has no step anywhere. Windows with padding are filtered by their valid samples alone.
    """
    if lengths is None:
        return _filtered(signal, rate, low_hz, high_hz, order)
    output = torch.zeros_like(signal)
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().squeeze(1)
        output[rows, :, :length] = _filtered(signal[rows, :, :length], rate, low_hz, high_hz, order)
    return output


def _filtered(signal: Tensor, rate: float, low_hz: float | None, high_hz: float | None, order: int) -> Tensor:
    samples = signal.shape[2]
    if samples < 2:
        return torch.zeros_like(signal) if low_hz else signal
    rise = torch.linspace(0, 1, samples, device=signal.device)
    line = signal[..., :1] + (signal[..., -1:] - signal[..., :1]) * rise
    rest = signal - line  # zero at both ends
    extended = torch.cat([rest, -rest[..., 1:-1].flip(2)], dim=2)
    response = _response(extended.shape[2], rate, low_hz, high_hz, order).to(signal.device)
    filtered = torch.fft.irfft(torch.fft.rfft(extended) * response, n=extended.shape[2])[..., :samples]
    return filtered if low_hz else filtered + line


def _response(samples: int, rate: float, low_hz: float | None, high_hz: float | None, order: int) -> Tensor:
    # On the bilinear transform's frequency axis, so that the response is the digital filter's.
    warped = torch.tan(torch.pi * torch.fft.rfftfreq(samples, 1.0 / rate, dtype=torch.float64) / rate)
    response = torch.ones_like(warped)
    if high_hz:
        response /= 1 + (warped / math.tan(math.pi * high_hz / rate)) ** (2 * order)
    if low_hz:
        response /= 1 + (math.tan(math.pi * low_hz / rate) / warped) ** (2 * order)  # 1 / inf at 0 Hz
    return response.float()
