"""Resize: the window is stretched or compressed in time, then cut off or filled up to its length, all leads alike.

Source: Nakamoto et al. 2022, where resizing is one of five transforms before MoCo. The paper gives no factors and does
not say what follows the end of a compressed window; the factors here, from 0.8 to 1.25 and uniform in their logarithm,
are ours. A tone of f Hz has f / factor afterwards, a heart rate likewise, and a QRS complex lasts factor times as long:
wide factors make other diagnoses.

What happens to valid lengths: a stretched window stays as long as it was, by a crop at a random place of the
stretched one (`random_resized_crop` with share 1 / factor). A compressed window has fewer valid samples, which stand
first; behind them it is padded, and padding counts nowhere. Compression has no filter against aliasing, as in
`time_warp`.

Differs, perhaps: networks of a fixed length take such zeros for signal; `rest: silence` is that form.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.channel_resize import resize_factors
from fairseq_signals.transforms.interpolation import at_positions
from fairseq_signals.transforms.noise import changed_windows, draws_from, is_number, is_range, require
from fairseq_signals.transforms.windows import Windows

TOLERANCE = 1e-6  # samples, so that rounding of a factor costs no sample


def resized_positions(factor: Tensor, uniform: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Where each sample of a resized window comes from, float64 `[B, T]`, and its valid samples, `[B]`.

    Args:
        factor: above 1 stretches, below 1 compresses, `[B]`.
        uniform: a draw from [0, 1) that places the crop of a stretched window, `[B]`.
        lengths: valid samples of each window, `[B]`.
        size: T; what lies behind the valid samples has no meaning.
    """
    factor, last = factor.double(), (lengths - 1).clamp(min=0).double()
    first = uniform * (last - last / factor).clamp(min=0)
    steps = torch.arange(size, device=factor.device)
    position = torch.minimum(first.unsqueeze(1) + steps / factor.unsqueeze(1), last.unsqueeze(1))
    reached = (last * factor + TOLERANCE).long() + 1
    return position, torch.minimum(reached, lengths)


@dataclass
class ResizeSettings:
    """Settings of `Resize`.

    Attributes:
        factor: the smallest and the largest factor.
        rest: what follows a compressed window, `padding`, or `silence` that counts as signal.
        probability: of a window to be changed.
    """

    factor: list[float] = field(default_factory=lambda: [0.8, 1.25])
    rest: str = "padding"
    probability: float = 1.0

    def __post_init__(self):
        possible = is_range(self.factor, 0) and self.factor[0] > 0
        require(possible, "factor of resize", "be [smallest, largest] above 0", self.factor)
        require(self.rest in ("padding", "silence"), "rest of resize", "be padding or silence", self.rest)
        require(is_number(self.probability, 0, 1), "probability of resize", "lie in 0 to 1", self.probability)


@register_transform("resize")
class Resize:
    """Stretches or compresses every window."""

    Settings = ResizeSettings

    def __init__(self, settings: ResizeSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Resized windows; draws whether, by how much and, for crops, from where per window."""
        source, lengths = draws_from(generator, windows), windows.valid_lengths
        changed = changed_windows(windows, self.settings.probability, source).bool()
        factor = resize_factors(torch.rand(changed.shape, **source), self.settings.factor)
        factor = torch.where(changed, factor, 1.0)
        uniform = torch.rand(changed.shape, **source)
        position, count = resized_positions(factor, uniform, lengths, windows.signal.shape[2])
        signal = at_positions(windows.signal, position)
        if self.settings.rest == "padding" and self.settings.factor[0] < 1:
            return replace(windows, lengths=count).with_signal(signal)
        return windows.with_signal(signal * valid_frames(count, signal.shape[2]).unsqueeze(1))
