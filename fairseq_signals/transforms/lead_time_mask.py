"""Lead-wise time mask: every lead loses a stretch of its own, wherever it starts, going on at the front past the end.

Source: Gopal et al. 2021, 3KG (https://arxiv.org/abs/2106.04452): half of the window, drawn per lead, after the
changes of the vectorcardiogram (`transforms.vcg`) and in the space of the leads.

Differs: the public code of this family rounds the number of masked samples down, this rounds to the nearest; a padded
window is masked over its valid part, whose end is followed by its own front.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.windows import Windows


def circular_stretches(start: Tensor, count: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Boolean `[B, L, T]`: samples within `count` of `start`, where the first sample follows the last valid one.

    Args:
        start: first sample of each lead's stretch, `[B, L]`; the window's length means its front, as 0 does.
        count: samples of a window's stretches, `[B]`, at most its length.
        lengths: valid samples of each window, `[B]`.
        size: T, samples of the padded window; what lies behind the valid ones may be True or False.
    """
    place = torch.arange(size, device=start.device)
    end = start + count.unsqueeze(1)
    over = end - lengths.unsqueeze(1)  # how far a stretch goes on at the front
    inside = (place >= start.unsqueeze(2)) & (place < end.unsqueeze(2))  # [B, L, T]
    return inside | (place < over.unsqueeze(2))


@dataclass
class LeadTimeMaskSettings:
    """Settings of `LeadTimeMask`.

    Attributes:
        ratio: of the window that each lead loses.
    """

    ratio: float = 0.5

    def __post_init__(self):
        if not 0 <= self.ratio < 1:
            raise ValueError(f"ratio of the lead time mask must lie in 0 to below 1, got {self.ratio}")


@register_transform("lead_time_mask")
class LeadTimeMask:
    """Zeroes a stretch of every lead of every window; a lead that loses one is still present."""

    Settings = LeadTimeMaskSettings

    def __init__(self, settings: LeadTimeMaskSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Masked windows; draws one number per window and lead."""
        uniform = torch.rand(windows.present.shape, generator=generator, device=windows.signal.device)
        lengths = windows.valid_lengths
        start = (uniform * lengths.unsqueeze(1)).long()
        count = (self.settings.ratio * lengths.double()).round().long()
        masked = circular_stretches(start, count, lengths, windows.signal.shape[2])
        return replace(windows, signal=windows.signal.masked_fill(masked, 0.0))
