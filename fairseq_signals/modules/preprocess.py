"""What a model does to every window before its encoder sees it, in training, validation and embedding alike.

It is no augmentation: it belongs to the model and is saved with it. Absent leads and padding are zero before and
after, whatever the normalisation.
"""

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
        if self.normalise == "constant" and (self.deviation is None or min(self.deviation) <= 0):
            raise ValueError(f"deviation must hold positive millivolts for 'constant', got {self.deviation}")
        if self.low_hz and self.high_hz and self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz must be below high_hz, got {self.low_hz} and {self.high_hz}")


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
        signal = signal.float()
        valid = None if lengths is None else valid_frames(lengths, signal.shape[2]).unsqueeze(1)  # [B, 1, T]
        settings = self.settings
        if settings.low_hz or settings.high_hz:
            signal = band_pass(signal, self.rate, settings.low_hz, settings.high_hz, settings.order, lengths)
        if settings.normalise == "constant":
            mean = signal.new_tensor(settings.mean or [0.0])[:, None]
            signal = (signal - mean) / signal.new_tensor(settings.deviation)[:, None]
        elif settings.normalise == "window":
            signal = z_score(signal, valid)
        if valid is not None:
            signal = signal * valid
        return signal if present is None else signal * present.unsqueeze(2)


def z_score(signal: Tensor, valid: Tensor | None = None, smallest: float = 1e-3) -> Tensor:
    """Each lead of each window with mean 0 and deviation 1 over its valid samples.

    Args:
        signal: millivolts `[B, L, T]`.
        valid: boolean `[B, 1, T]`.
        smallest: deviations (mV) below this are not stretched: a flat lead stays flat instead of becoming noise.
    """
    weight = torch.ones_like(signal[:, :1]) if valid is None else valid.float()
    weight = weight / weight.sum(dim=2, keepdim=True).clamp(min=1)
    mean = (signal * weight).sum(dim=2, keepdim=True)
    deviation = ((signal - mean).square() * weight).sum(dim=2, keepdim=True).sqrt()
    return (signal - mean) / deviation.clamp(min=smallest)


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
    by its point reflection (odd extension), where a plain transform would join the two ends with a step; padding
    is replaced by the same continuation from the last valid sample.
    """
    samples = signal.shape[2]
    if lengths is not None:
        signal = _continue_padding(signal, lengths)
    edge = samples - 1
    before = 2 * signal[..., :1] - signal[..., 1:].flip(2)
    after = 2 * signal[..., -1:] - signal[..., :-1].flip(2)
    extended = torch.cat([before, signal, after], dim=2)
    frequency = torch.fft.rfftfreq(extended.shape[2], 1.0 / rate, device=signal.device)
    response = torch.ones_like(frequency)
    # The bilinear transform's frequency axis, so that the response is the digital filter's.
    warped = torch.tan(torch.pi * frequency / rate)
    if high_hz:
        cutoff = torch.tan(torch.tensor(torch.pi * high_hz / rate))
        response = response / (1 + (warped / cutoff) ** (2 * order))
    if low_hz:
        cutoff = torch.tan(torch.tensor(torch.pi * low_hz / rate))
        response = response / (1 + (cutoff / warped.clamp(min=1e-9)) ** (2 * order))
    filtered = torch.fft.irfft(torch.fft.rfft(extended) * response, n=extended.shape[2])
    return filtered[..., edge : edge + samples]


def _continue_padding(signal: Tensor, lengths: Tensor) -> Tensor:
    place = torch.arange(signal.shape[2], device=signal.device).expand(len(lengths), -1)
    last = (lengths - 1).clamp(min=0).unsqueeze(1)  # [B, 1]
    mirrored = (2 * last - place).clamp(min=0, max=signal.shape[2] - 1)
    place, mirrored, last = (index.unsqueeze(1).expand(-1, signal.shape[1], -1) for index in (place, mirrored, last))
    return torch.where(place <= last, signal, 2 * signal.gather(2, last) - signal.gather(2, mirrored))
