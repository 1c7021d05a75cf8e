"""Electromyographic noise: white Gaussian noise as of muscles, independent in independent leads.

Source: Oh et al. 2022, appendix B, after Mehari and Strodthoff 2022: n(t) ~ N(0, a²), a ~ U(0, 0.5) mV.

Differs: the paper's index t of a leaves open how often it is drawn. Here, as in its authors' code, each lead of each
window has an a of its own; `sigma_per: window` is the code of Mehari and Strodthoff, `sample` the index taken at its
word. In the limb leads that are computed from I and II the noise is the sum of theirs: in III σ² = σ_I² + σ_II².
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import (
    NoiseSettings,
    changed_windows,
    drawn_leads,
    draws_from,
    require,
    spread,
)
from fairseq_signals.transforms.windows import Windows


def emg_noise(normal: Tensor, sigma: Tensor, names: tuple[str, ...], leads: tuple[str, ...], changed: Tensor) -> Tensor:
    """Noise of every lead, `[B, L, T]` in mV.

    Args:
        normal: draws from N(0, 1) for the D leads of `names`, `[B, D, T]`.
        sigma: standard deviations in mV, broadcast against `normal`.
        names: the leads drawn for, from `noise.drawn_leads`.
        leads: the L leads wanted.
        changed: 1 for windows that are changed, 0 for the others, `[B]`.
    """
    return spread(normal * (sigma * changed[:, None, None]), names, leads)


@dataclass
class EmgSettings(NoiseSettings):
    """Settings of `Emg`, beside those of every noise (`noise.NoiseSettings`).

    Attributes:
        sigma_per: how often a standard deviation is drawn from U(0, amplitude): for each "lead", "window" or "sample".
    """

    sigma_per: str = "lead"

    def __post_init__(self):
        super().__post_init__()
        known = self.sigma_per in ("lead", "window", "sample")
        require(known, "sigma_per of EMG noise", "be lead, window or sample", self.sigma_per)


@register_transform("emg")
class Emg:
    """Adds white noise to every lead."""

    Settings = EmgSettings

    def __init__(self, settings: EmgSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with noise; draws a number per window, independent lead and sample, and the deviations."""
        source, (batch, _, samples) = draws_from(generator, windows), windows.signal.shape
        names = drawn_leads(windows.leads, self.settings.limb_relations)
        whole = (batch, len(names), samples)
        shape = {"lead": (batch, len(names), 1), "window": (batch, 1, 1), "sample": whole}[self.settings.sigma_per]
        changed = changed_windows(windows, self.settings.probability, source)
        sigma = self.settings.amplitude * torch.rand(shape, **source)
        noise = emg_noise(torch.randn(whole, **source), sigma, names, windows.leads, changed)
        return windows.with_signal(windows.signal + noise)
