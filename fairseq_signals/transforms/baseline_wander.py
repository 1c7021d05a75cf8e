"""Baseline wander: slow cosines, as of breathing and of electrodes that move a little.

Source: Oh et al. 2022, appendix B, after Mehari and Strodthoff 2022: C Σₖ aₖ cos(2π k Δf t + φₖ) with K = 3,
C ~ N(1, 0.5²), aₖ ~ U(0, 0.5) mV, Δf ~ U(0.01, 0.2) Hz, φₖ ~ U(0, 2π): nothing above K · 0.2 = 0.6 Hz.

Differs: the paper does not say how the leads differ. Here, as in its authors' code, C is drawn for each lead and the
cosines are the same in all (`gain_per: window` draws one C); that code draws a frequency for each cosine
(`multiples: false`). The code of Mehari and Strodthoff has two forms, both fifty cosines up to 0.5 Hz with a total
amplitude that is drawn: `terms: 50, spacing: [0.01, 0.01], gain: signed_normal, scale_power: 1`; and, as its
pre-training and its test with noise run it, the same with `gain: equal, limb_relations: false`, all leads alike and III
too (where a constant stands in place of the fiftieth cosine).
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
    is_range,
    require,
    require_within_half_rate,
)
from fairseq_signals.transforms.windows import Windows


def wander_frequencies(uniform: Tensor, spacing: "list[float] | tuple[float, ...]", terms: int) -> Tensor:
    """Frequencies of the cosines, Hz, `[B, K]`.

    Args:
        uniform: draws from [0, 1), `[B, 1]` for K multiples of one spacing or `[B, K]` for K frequencies.
        spacing: the lowest and the highest Δf, Hz.
        terms: K.
    """
    low, high = spacing
    hertz = low + (high - low) * uniform.double()
    if uniform.shape[1] == terms:
        return hertz
    return hertz * torch.arange(1, terms + 1, device=uniform.device)  # [B, K]


@dataclass
class BaselineWanderSettings(WaveSettings):
    """Settings of `BaselineWander`, beside those of every wave (`noise.WaveSettings`).

    Attributes:
        terms: K, the number of cosines.
        spacing: the lowest and the highest Δf, Hz.
        multiples: the frequencies are Δf, 2 Δf, … K Δf; otherwise each is drawn as Δf is.
    """

    gain: str = "normal"
    terms: int = 3
    spacing: list[float] = field(default_factory=lambda: [0.01, 0.2])
    multiples: bool = True

    def __post_init__(self):
        super().__post_init__()
        require(is_count(self.terms, 1), "terms of baseline wander", "be 1, 2, 3, …", self.terms)
        ordered = is_range(self.spacing, 0)
        require(ordered, "spacing of baseline wander", "be [lowest, highest] Hz from 0 on", self.spacing)
        require(isinstance(self.multiples, bool), "multiples", "be true or false", self.multiples)


@register_transform("baseline_wander")
class BaselineWander:
    """Adds baseline wander to every lead."""

    Settings = BaselineWanderSettings

    def __init__(self, settings: BaselineWanderSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with wander; draws frequencies, phases, amplitudes and gains per window.

        Raises:
            ValueError: the highest cosine may lie above half the rate.
        """
        self._check(rate)
        source, (batch, _, samples), terms = draws_from(generator, windows), windows.signal.shape, self.settings.terms
        uniform = torch.rand(batch, 1 if self.settings.multiples else terms, **source)
        hertz = wander_frequencies(uniform, self.settings.spacing, terms)
        amplitude = self.settings.amplitude * torch.rand(batch, terms, **source)
        phase = 2 * math.pi * torch.rand(batch, terms, **source)
        wave = cosines(hertz, amplitude, phase, samples, rate)
        return windows.with_signal(add_wave(windows.signal, draw_gains(windows, self.settings, source), wave))

    def _check(self, rate: float):
        highest = self.settings.spacing[1] * (self.settings.terms if self.settings.multiples else 1)
        told = f"spacing {list(self.settings.spacing)}, terms {self.settings.terms}"
        require_within_half_rate("baseline wander", highest, rate, told)
