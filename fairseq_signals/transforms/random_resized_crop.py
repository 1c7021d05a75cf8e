"""Random resized crop: a random stretch of the window, drawn out to the window's length, the same for all leads.

Source: Mehari and Strodthoff 2022, section 3 (with `time_out` the best pair of transforms for SimCLR); the share of
0.5 to 1 is their public code's. A tone of f Hz has f times the share afterwards, a heart rate likewise.

Differs: a padded window is cropped within its valid part and drawn out to it. That code does not stretch evenly: it
puts the crop's samples on places that it draws among those of the window, in order, the first and the last at the ends,
and interpolates between them, which warps time at random from sample to sample; `places: random` is that form.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.interpolation import at_positions
from fairseq_signals.transforms.noise import changed_windows, draw_between, draws_from, is_number, is_range, require
from fairseq_signals.transforms.windows import Windows


def even_positions(share: Tensor, uniform: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Where each sample of an evenly stretched crop comes from, `[B, T]`.

    Args:
        share: of the window that the crop takes, `[B]`.
        uniform: a draw from [0, 1) that places it, `[B]`.
        lengths: valid samples of each window, `[B]`.
        size: T; what lies behind the valid samples has no meaning.
    """
    last = (lengths - 1).clamp(min=0).float()
    first = uniform * (1 - share) * last
    steps = torch.arange(size, device=share.device)
    return torch.minimum(first.unsqueeze(1) + share.unsqueeze(1) * steps, (first + share * last).unsqueeze(1))


def random_positions(share: Tensor, uniform: Tensor, keys: Tensor, lengths: Tensor) -> Tensor:
    """The same where the crop's samples come to lie on random places in order, its ends on the window's ends.

    Args:
        share: of the window that the crop takes, rounded down to whole samples, two at least, `[B]`.
        uniform: a draw from [0, 1) that places it, `[B]`.
        keys: draws from [0, 1), `[B, T]`; the places with the smallest are taken.
        lengths: valid samples of each window, `[B]`.
    """
    size, lengths = keys.shape[1], lengths.unsqueeze(1)
    place = torch.arange(size, device=keys.device).expand_as(keys)
    count = torch.minimum((share.unsqueeze(1) * lengths).long().clamp(min=2), lengths)  # [B, 1]
    keys = keys.masked_fill((place == 0) | (place == lengths - 1), -1.0).masked_fill(place >= lengths, 2.0)
    taken = keys.argsort(dim=1).argsort(dim=1) < count  # [B, T]
    before = torch.where(taken, place, 0).cummax(dim=1).values
    after = torch.where(taken, place, size).flip(1).cummin(dim=1).values.flip(1)
    between = (place - before) / (after - before).clamp(min=1)
    first = (uniform.unsqueeze(1) * (lengths - count + 1)).long()
    return first + (taken.cumsum(dim=1) - 1) + between


@dataclass
class RandomResizedCropSettings:
    """Settings of `RandomResizedCrop`.

    Attributes:
        share: the smallest and the largest share of a window that a crop takes.
        places: of the crop's samples in the result, `even`, or `random` as in the public code.
        probability: of a window to be changed.
    """

    share: list[float] = field(default_factory=lambda: [0.5, 1.0])
    places: str = "even"
    probability: float = 1.0

    def __post_init__(self):
        possible = is_range(self.share, 0, 1) and self.share[0] > 0
        require(possible, "share of random_resized_crop", "be [smallest, largest], above 0 to 1", self.share)
        known = self.places in ("even", "random")
        require(known, "places of random_resized_crop", "be even or random", self.places)
        likely = is_number(self.probability, 0, 1)
        require(likely, "probability of random_resized_crop", "lie in 0 to 1", self.probability)


@register_transform("random_resized_crop")
class RandomResizedCrop:
    """Takes a random stretch of every window and draws it out to the window's length."""

    Settings = RandomResizedCropSettings

    def __init__(self, settings: RandomResizedCropSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Stretched windows; draws whether, how much and from where per window, random places besides."""
        source, lengths = draws_from(generator, windows), windows.valid_lengths
        changed = changed_windows(windows, self.settings.probability, source)
        # A crop of the whole window leaves it as it is, to the bit.
        share = 1 - changed * (1 - draw_between(self.settings.share, changed.shape, source))
        uniform = torch.rand(changed.shape, **source)
        size = windows.signal.shape[2]
        if self.settings.places == "even":
            position = even_positions(share, uniform, lengths, size)
        else:
            position = random_positions(share, uniform, torch.rand(len(share), size, **source), lengths)
        return windows.with_signal(at_positions(windows.signal, position))
