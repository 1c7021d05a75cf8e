"""Random subset: each window goes through its own random choice of several transforms.

Source: Nakamoto et al. 2022: "several transformation methods were randomly selected to apply", of five that they name
after Liu et al. 2021 and Mehari and Strodthoff 2022. Neither how many nor with what strength is said. Here each is
applied with probability 0.5, independently, as transforms of images are in MoCo v2 (Chen et al. 2020,
https://arxiv.org/abs/2003.04297); the defaults are the five, with strengths of ours, so that `random_subset` without
further settings is that paper's augmentation as far as it is known. With `number` their count is drawn instead, evenly
from the smallest to the largest, and which they are, all choices alike (Cubuk et al. 2020, RandAugment,
https://arxiv.org/abs/1909.13719, has a fixed number).

The order is the list's; `order: random` draws one per batch. Every transform is computed for all windows and taken for
some, which needs no talk between device and processor.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Optional

import torch
from torch import Tensor

from fairseq_signals.transforms import TRANSFORMS, register_transform
from fairseq_signals.transforms.noise import draws_from, is_count, is_number, require
from fairseq_signals.transforms.pipeline import resolve_transforms
from fairseq_signals.transforms.windows import Windows

NAKAMOTO = (
    {"_name": "gaussian_noise", "sigma": 0.02},
    {"_name": "gaussian_blur", "sigma_seconds": [0.004, 0.02]},
    {"_name": "random_erasing"},
    {"_name": "resize"},
    {"_name": "baseline_shift"},
)
"""The five transforms of Nakamoto et al. 2022; the strengths are ours."""


def chosen_number(uniform: Tensor, keys: Tensor, number: "list[int]") -> Tensor:
    """Boolean `[B, M]`: which of M transforms each window goes through, when their number is drawn.

    Args:
        uniform: a draw from [0, 1) for the number, `[B]`.
        keys: draws from [0, 1), `[B, M]`; the transforms with the smallest are chosen.
        number: the smallest and the largest.
    """
    low, high = number
    count = low + (uniform * (high - low + 1)).long()
    return keys.argsort(dim=1).argsort(dim=1) < count.unsqueeze(1)


def mixed(changed: Windows, windows: Windows, chosen: Tensor) -> Windows:
    """Windows that are the changed ones where `chosen` (boolean `[B]`) is True, and the given ones elsewhere."""
    lengths = None
    if changed.lengths is not None or windows.lengths is not None:
        lengths = torch.where(chosen, changed.valid_lengths, windows.valid_lengths)
    return replace(
        windows,
        signal=torch.where(chosen[:, None, None], changed.signal, windows.signal),
        present=torch.where(chosen[:, None], changed.present, windows.present),
        lengths=lengths,
    )


@dataclass
class RandomSubsetSettings:
    """Settings of `RandomSubset`.

    Attributes:
        members: the transforms, names or mappings.
        probability: of each to be applied to a window, where `number` is not given.
        number: the smallest and the largest number of transforms applied to a window, drawn evenly.
        order: "fixed" (the list's) or "random" (drawn per batch).
    """

    members: list[Any] = field(default_factory=lambda: [dict(member) for member in NAKAMOTO])
    probability: float = 0.5
    number: Optional[list[int]] = None
    order: str = "fixed"

    def __post_init__(self):
        known = isinstance(self.members, (list, tuple)) and len(self.members) > 0
        require(known, "members of random_subset", "be a list of transforms", self.members)
        self.members = resolve_transforms(list(self.members))
        require(is_number(self.probability, 0, 1), "probability of random_subset", "lie in 0 to 1", self.probability)
        if self.number is not None:
            pair = isinstance(self.number, (list, tuple)) and len(self.number) == 2
            pair = pair and all(is_count(end, 0) for end in self.number)
            possible = pair and self.number[0] <= self.number[1] <= len(self.members)
            expected = f"be none or [smallest, largest], 0 to {len(self.members)}, the number of its members"
            require(possible, "number of random_subset", expected, self.number)
        require(self.order in ("fixed", "random"), "order of random_subset", "be fixed or random", self.order)


@register_transform("random_subset")
class RandomSubset:
    """Applies to every window some of its transforms."""

    Settings = RandomSubsetSettings

    def __init__(self, settings: RandomSubsetSettings):
        self.settings = settings
        self.members = [TRANSFORMS.build(member) for member in settings.members]

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows, each with its transforms; draws these per window, then what every transform draws."""
        chosen, order = self._choice(windows, generator)
        for place in order:
            windows = mixed(self.members[place](windows, rate, generator), windows, chosen[:, place])
        return windows

    def _choice(self, windows: Windows, generator: torch.Generator) -> tuple[Tensor, list[int]]:
        source, number = draws_from(generator, windows), len(self.members)
        keys = torch.rand(len(windows.signal), number, **source)
        chosen = keys < self.settings.probability
        if self.settings.number is not None:
            chosen = chosen_number(torch.rand(len(keys), **source), keys, self.settings.number)
        fixed = self.settings.order == "fixed"
        return chosen, list(range(number)) if fixed else torch.randperm(number, **source).tolist()
