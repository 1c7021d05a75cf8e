"""Time out: a random stretch of the window is silent in all leads.

Source: Mehari and Strodthoff 2022, section 3 (after `random_resized_crop` the best pair of transforms for SimCLR); the
share of 0.2 to 0.4 is their public code's.

Differs: a padded window loses its share of what is valid; the stretch is rounded to the nearest sample, where that code
rounds down. `lead_time_mask` is the transform that silences each lead at another time.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import changed_windows, draw_between, draws_from, is_number, is_range, require
from fairseq_signals.transforms.windows import Windows


def stretches_inside(share: Tensor, uniform: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Boolean `[B, T]`: one stretch of each window's valid samples.

    Args:
        share: of the valid samples that it takes, `[B]`.
        uniform: a draw from [0, 1) that places it, all places alike, `[B]`.
        lengths: valid samples of each window, `[B]`.
        size: T, samples of the padded window.
    """
    count = (share * lengths).round().long()
    first = (uniform * (lengths - count + 1)).long()
    place = torch.arange(size, device=share.device)
    return (place >= first.unsqueeze(1)) & (place < (first + count).unsqueeze(1))


@dataclass
class TimeOutSettings:
    """Settings of `TimeOut`.

    Attributes:
        share: the smallest and the largest share of a window that is silenced.
        probability: of a window to be changed.
    """

    share: list[float] = field(default_factory=lambda: [0.2, 0.4])
    probability: float = 1.0

    def __post_init__(self):
        possible = is_range(self.share, 0, 1) and self.share[1] < 1
        require(possible, "share of time_out", "be [smallest, largest], 0 to below 1", self.share)
        require(is_number(self.probability, 0, 1), "probability of time_out", "lie in 0 to 1", self.probability)


@register_transform("time_out")
class TimeOut:
    """Zeroes a stretch of every window in all leads, which are still present."""

    Settings = TimeOutSettings

    def __init__(self, settings: TimeOutSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with a silent stretch; draws whether, how long and where per window."""
        source = draws_from(generator, windows)
        changed = changed_windows(windows, self.settings.probability, source)
        share = changed * draw_between(self.settings.share, changed.shape, source)
        uniform = torch.rand(changed.shape, **source)
        silent = stretches_inside(share, uniform, windows.valid_lengths, windows.signal.shape[2])
        return replace(windows, signal=windows.signal.masked_fill(silent.unsqueeze(1), 0.0))
