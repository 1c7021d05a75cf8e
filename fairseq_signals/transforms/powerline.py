"""Powerline noise: mains interference of one frequency, added to all leads.

Source: Oh et al. 2022, appendix B, after Mehari and Strodthoff 2022: Σₖ aₖ cos(2π k f t + φ) with K = 1, f = 50 Hz,
aₖ ~ U(0, 0.5) mV, φ ~ U(0, 2π), drawn for each window.

At exactly half the sampling rate (50 Hz in signals of 100 Hz) only the sign alternates: the noise is a·cos φ in
amplitude, a·|cos φ| ≤ a, and its phase cannot be seen. Above half the rate a mains frequency would appear as another
one, down to a constant, which no recorder's anti-aliasing filter lets through: refused.

Differs: the paper does not say how the leads differ. Here, as in its authors' code, I, II and the chest leads have the
same noise and the limb-lead relations hold, so that III has none. `gain: uniform` (the code of Mehari and Strodthoff,
with `harmonics: 3`, `scale_power: 2` and the square of its amplitude) takes it up differently by lead; that code runs
at 100 Hz, where its second harmonic is a constant and its third comes to lie on the first: `fold: true`, otherwise
refused.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import (
    WaveSettings,
    add_wave,
    cosines,
    draw_gains,
    draws_from,
    is_count,
    is_number,
    require,
    require_within_half_rate,
)
from fairseq_signals.transforms.windows import Windows


def powerline_wave(hertz: Tensor, amplitude: Tensor, phase: Tensor, samples: int, rate: float) -> Tensor:
    """Σₖ aₖ cos(2π k f t + φ), `[B, T]` in mV.

    Args:
        hertz: mains frequency of each window, `[B]`.
        amplitude: of its harmonics, `[B, K]`, mV.
        phase: one for all harmonics, `[B]`, radians.
        samples: T.
        rate: Hz.
    """
    harmonic = torch.arange(1, amplitude.shape[1] + 1, device=hertz.device)
    return cosines(hertz.unsqueeze(1) * harmonic, amplitude, phase.unsqueeze(1).expand_as(amplitude), samples, rate)


@dataclass
class PowerlineSettings(WaveSettings):
    """Settings of `Powerline`, beside those of every wave (`noise.WaveSettings`).

    Attributes:
        frequencies: Hz; each window draws one of them. [50, 60] is the code of Oh et al.
        harmonics: K, the mains frequency included; each has an amplitude of its own.
        fold: let frequencies above half the rate appear as others, as sampling without a filter does.
    """

    frequencies: list[float] = field(default_factory=lambda: [50.0])
    harmonics: int = 1
    fold: bool = False

    def __post_init__(self):
        super().__post_init__()
        some = isinstance(self.frequencies, (list, tuple)) and len(self.frequencies) > 0
        positive = some and all(is_number(hertz, 0) and hertz > 0 for hertz in self.frequencies)
        require(positive, "frequencies of powerline noise", "be a list of positive numbers of Hz", self.frequencies)
        require(is_count(self.harmonics, 1), "harmonics of powerline noise", "be 1, 2, 3, …", self.harmonics)
        require(isinstance(self.fold, bool), "fold of powerline noise", "be true or false", self.fold)


@register_transform("powerline")
class Powerline:
    """Adds powerline noise to every lead."""

    Settings = PowerlineSettings

    def __init__(self, settings: PowerlineSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with noise; draws a frequency, a phase, amplitudes and gains per window.

        Raises:
            ValueError: the highest harmonic lies above half the rate, and is not to be folded.
        """
        if not self.settings.fold:
            self._check(rate)
        source, (batch, _, samples) = draws_from(generator, windows), windows.signal.shape
        table = torch.tensor(self.settings.frequencies, device=source["device"], dtype=torch.float64)
        hertz = table[torch.randint(len(table), (batch,), **source)]
        amplitude = self.settings.amplitude * torch.rand(batch, self.settings.harmonics, **source)
        phase = 2 * math.pi * torch.rand(batch, **source)
        wave = powerline_wave(hertz, amplitude, phase, samples, rate)
        return windows.with_signal(add_wave(windows.signal, draw_gains(windows, self.settings, source), wave))

    def _check(self, rate: float):
        highest = max(self.settings.frequencies) * self.settings.harmonics
        told = f"frequencies {list(self.settings.frequencies)}, harmonics {self.settings.harmonics}"
        require_within_half_rate("powerline noise", highest, rate, told)
