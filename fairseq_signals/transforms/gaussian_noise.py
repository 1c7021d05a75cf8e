"""Gaussian noise: white noise of one fixed standard deviation, independent in all leads.

Source: Mehari and Strodthoff 2022, section 3; σ = 0.005 mV is their public code's. It is a transform from computer
vision and, as there, breaks the relations of the limb leads by as much as it adds; `limb_relations: true` keeps them.
White noise of a drawn strength, which imitates muscles and keeps them by default, is `emg`.
"""

from dataclasses import dataclass

import torch

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.emg import emg_noise
from fairseq_signals.transforms.noise import changed_windows, drawn_leads, draws_from, is_number, require
from fairseq_signals.transforms.windows import Windows


@dataclass
class GaussianNoiseSettings:
    """Settings of `GaussianNoise`.

    Attributes:
        sigma: standard deviation, mV.
        limb_relations: draw for I, II and the chest leads alone and compute the noise of III, aVR, aVL and aVF from
            that of I and II.
        probability: of a window to be changed.
    """

    sigma: float = 0.005
    limb_relations: bool = False
    probability: float = 1.0

    def __post_init__(self):
        require(is_number(self.sigma, 0), "sigma of gaussian_noise", "be a number of mV from 0 on", self.sigma)
        require(isinstance(self.limb_relations, bool), "limb_relations", "be true or false", self.limb_relations)
        require(is_number(self.probability, 0, 1), "probability of gaussian_noise", "lie in 0 to 1", self.probability)


@register_transform("gaussian_noise")
class GaussianNoise:
    """Adds white noise to every lead."""

    Settings = GaussianNoiseSettings

    def __init__(self, settings: GaussianNoiseSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with noise; draws whether per window, and a number per independent lead and sample."""
        source, (batch, _, samples) = draws_from(generator, windows), windows.signal.shape
        names = drawn_leads(windows.leads, self.settings.limb_relations)
        changed = changed_windows(windows, self.settings.probability, source)
        normal = torch.randn(batch, len(names), samples, **source)
        sigma = torch.tensor(self.settings.sigma, device=normal.device)
        return windows.with_signal(windows.signal + emg_noise(normal, sigma, names, windows.leads, changed))
