"""Gaussian blur: each sample becomes a weighted mean of its neighbours, in each lead by itself.

Source: Mehari and Strodthoff 2022, section 3; the weights 0.1, 0.2, 0.4, 0.2, 0.1 are their public code's, at 100 Hz.
They are about a Gaussian's of 11 ms and take 6 % of a tone of 5 Hz, 64 % at 20 Hz and 80 % at 50 Hz.

Differs: what lies outside the valid samples has no weight here, so that a constant stays constant up to the ends; that
code takes zeros there, which weakens the two samples at either end. Nothing is drawn but whether a window is blurred,
unless `sigma_seconds` is a range: then each window has a width of its own, as the Gaussian smoothing of Nakamoto et al.
2022 and the blur of MoCo v2 (Chen et al. 2020, https://arxiv.org/abs/2003.04297) for images. The former names no width.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import changed_windows, draw_between, draws_from, is_number, is_range, require
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


def gaussian_kernels(sigma: Tensor, reach: int) -> Tensor:
    """Weights of one Gaussian per window, from `-reach` to `reach` samples, each row adding up to 1, `[B, K]`.

    Args:
        sigma: samples, above 0, `[B]`.
        reach: samples on either side.
    """
    steps = torch.arange(-reach, reach + 1, device=sigma.device)
    return torch.softmax(-0.5 * (steps / sigma.unsqueeze(1)).square(), dim=1)


def blurred(signal: Tensor, kernel: Tensor, lengths: Tensor) -> Tensor:
    """Weighted means of neighbouring valid samples, `[B, L, T]`.

    Args:
        signal: `[B, L, T]`, zero in padding.
        kernel: an odd number of weights, the middle one of the sample itself, `[K]`, or `[B, K]` for one per window.
        lengths: valid samples of each window, `[B]`.
    """
    valid = valid_frames(lengths, signal.shape[2]).to(signal.dtype)  # [B, T]
    weights = _weighted(valid.unsqueeze(1), kernel)  # [B, 1, T]
    # In padding no weight may be left; what stands there is set to zero by the caller.
    return _weighted(signal, kernel) / torch.where(weights > 0, weights, 1.0)


def _weighted(signal: Tensor, kernel: Tensor) -> Tensor:
    """Weighted sums of neighbouring samples, zero outside, `[B, L, T]`."""
    middle = kernel.shape[-1] // 2
    if kernel.dim() == 1:
        return conv1d(signal.reshape(-1, 1, signal.shape[2]), kernel.view(1, 1, -1), padding=middle).view(signal.shape)
    return conv1d(signal.transpose(0, 1), kernel.unsqueeze(1), padding=middle, groups=len(kernel)).transpose(0, 1)


@dataclass
class GaussianBlurSettings:
    """Settings of `GaussianBlur`.

    Attributes:
        sigma_seconds: standard deviation of a Gaussian, in seconds; [smallest, largest] draws one per window; None
            takes the weights of `KERNEL` for neighbouring samples, whatever the rate (at 500 Hz they blur over a fifth
            of the time).
        probability: of a window to be changed.
    """

    sigma_seconds: Any = None
    probability: float = 1.0

    def __post_init__(self):
        bounds = self.sigma_seconds if isinstance(self.sigma_seconds, (list, tuple)) else 2 * [self.sigma_seconds]
        possible = self.sigma_seconds is None or (is_range(bounds, 0) and bounds[0] > 0)
        expected = "be a number above 0, [smallest, largest] or none"
        require(possible, "sigma_seconds of gaussian_blur", expected, self.sigma_seconds)
        require(is_number(self.probability, 0, 1), "probability of gaussian_blur", "lie in 0 to 1", self.probability)


@register_transform("gaussian_blur")
class GaussianBlur:
    """Blurs every window."""

    Settings = GaussianBlurSettings

    def __init__(self, settings: GaussianBlurSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Blurred windows; draws whether and, from a range, how widely per window."""
        source = draws_from(generator, windows)
        changed = changed_windows(windows, self.settings.probability, source).bool()
        kernel = self._kernel(len(changed), rate, source).to(windows.signal.dtype)
        signal = blurred(windows.signal, kernel, windows.valid_lengths)
        return windows.with_signal(torch.where(changed[:, None, None], signal, windows.signal))

    def _kernel(self, batch: int, rate: float, source: dict[str, Any]) -> Tensor:
        sigma = self.settings.sigma_seconds
        if isinstance(sigma, (list, tuple)):
            drawn = rate * draw_between(sigma, (batch,), source)
            return gaussian_kernels(drawn, int(REACH * rate * sigma[1] + 0.5))
        weights = KERNEL if sigma is None else gaussian_kernel(sigma * rate)
        return torch.tensor(weights, device=source["device"])
