"""Gaussian blur: each sample becomes a weighted mean of its neighbours, in each lead by itself.

Source: Mehari and Strodthoff 2022, section 3; the weights 0.1, 0.2, 0.4, 0.2, 0.1 are their public code's, at 100 Hz.
They are about a Gaussian's of 11 ms and take 6 % of a tone of 5 Hz, 64 % at 20 Hz and 80 % at 50 Hz.

Differs: what lies outside the valid samples has no weight here, so that a constant stays constant up to the ends; that
code takes zeros there, which weakens the two samples at either end. Nothing is drawn but whether a window is blurred.
"""

import math
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import changed_windows, draws_from, is_number, require
from fairseq_signals.transforms.windows import Windows

KERNEL = (0.1, 0.2, 0.4, 0.2, 0.1)
"""Weights of the published blur, of neighbouring samples at 100 Hz."""

REACH = 4.0
"""Where a Gaussian's weights end, in standard deviations, as in scipy.ndimage."""


def gaussian_kernel(sigma: float) -> list[float]:
    """Weights of a Gaussian, from `-REACH * sigma` to `REACH * sigma`, adding up to 1.

    Args:
        sigma: samples.
    """
    reach = int(REACH * sigma + 0.5)
    weights = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(-reach, reach + 1)]
    return [weight / math.fsum(weights) for weight in weights]


def blurred(signal: Tensor, kernel: Tensor, lengths: Tensor) -> Tensor:
    """Weighted means of neighbouring valid samples, `[B, L, T]`.

    Args:
        signal: `[B, L, T]`, zero in padding.
        kernel: an odd number of weights, the middle one of the sample itself, `[K]`.
        lengths: valid samples of each window, `[B]`.
    """
    (batch, leads, samples), middle = signal.shape, len(kernel) // 2
    valid = valid_frames(lengths, samples).to(signal.dtype)  # [B, T]
    weights = conv1d(valid.unsqueeze(1), kernel.view(1, 1, -1), padding=middle)  # [B, 1, T]
    sums = conv1d(signal.reshape(batch * leads, 1, samples), kernel.view(1, 1, -1), padding=middle)
    # In padding no weight may be left; what stands there is set to zero by the caller.
    return sums.view(batch, leads, samples) / torch.where(weights > 0, weights, 1.0)


@dataclass
class GaussianBlurSettings:
    """Settings of `GaussianBlur`.

    Attributes:
        sigma_seconds: standard deviation of a Gaussian, in seconds; None takes the weights of `KERNEL` for neighbouring
            samples, whatever the rate (at 500 Hz they blur over a fifth of the time).
        probability: of a window to be changed.
    """

    sigma_seconds: Optional[float] = None
    probability: float = 1.0

    def __post_init__(self):
        positive = self.sigma_seconds is None or (is_number(self.sigma_seconds, 0) and self.sigma_seconds > 0)
        require(positive, "sigma_seconds of gaussian_blur", "be a number above 0 or none", self.sigma_seconds)
        require(is_number(self.probability, 0, 1), "probability of gaussian_blur", "lie in 0 to 1", self.probability)


@register_transform("gaussian_blur")
class GaussianBlur:
    """Blurs every window."""

    Settings = GaussianBlurSettings

    def __init__(self, settings: GaussianBlurSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Blurred windows; draws whether per window."""
        sigma = self.settings.sigma_seconds
        weights = KERNEL if sigma is None else gaussian_kernel(sigma * rate)
        kernel = torch.tensor(weights, device=windows.signal.device, dtype=windows.signal.dtype)
        changed = changed_windows(windows, self.settings.probability, draws_from(generator, windows)).bool()
        signal = blurred(windows.signal, kernel, windows.valid_lengths)
        return windows.with_signal(torch.where(changed[:, None, None], signal, windows.signal))
