"""Channel resize: every lead is amplified by a factor of its own.

Source: Mehari and Strodthoff 2022, section 3; factors from 0.5 to 2, uniform in their logarithm, are their public
code's setting (its class defaults to 0.33 to 3).

Differs from nature: no heart and no recorder amplifies leads I and II differently and III by a third factor. This form,
the default as in that code, breaks III = II - I and Goldberger's relations; with `limb_relations: true` the six limb
leads share one factor, and each chest lead has its own, so that they hold.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fairseq_signals.data.limb_leads import LIMB_LEADS
from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import changed_windows, draws_from, is_number, is_range, require
from fairseq_signals.transforms.windows import Windows


def resize_factors(uniform: Tensor, factor: "list[float] | tuple[float, ...]") -> Tensor:
    """Factors whose logarithms lie between those of the two bounds as `uniform` lies in [0, 1)."""
    low, high = (math.log(bound) for bound in factor)
    return (low + (high - low) * uniform).exp()


@dataclass
class ChannelResizeSettings:
    """Settings of `ChannelResize`.

    Attributes:
        factor: the smallest and the largest factor.
        limb_relations: one factor for the six limb leads together.
        probability: of a window to be changed.
    """

    factor: list[float] = field(default_factory=lambda: [0.5, 2.0])
    limb_relations: bool = False
    probability: float = 1.0

    def __post_init__(self):
        possible = is_range(self.factor, 0) and self.factor[0] > 0
        require(possible, "factor of channel_resize", "be [smallest, largest] above 0", self.factor)
        require(isinstance(self.limb_relations, bool), "limb_relations", "be true or false", self.limb_relations)
        require(is_number(self.probability, 0, 1), "probability of channel_resize", "lie in 0 to 1", self.probability)


@register_transform("channel_resize")
class ChannelResize:
    """Amplifies the leads of every window."""

    Settings = ChannelResizeSettings

    def __init__(self, settings: ChannelResizeSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Amplified windows; draws whether per window, and a number per window and lead."""
        source = draws_from(generator, windows)
        changed = changed_windows(windows, self.settings.probability, source).bool()
        factors = resize_factors(torch.rand(windows.present.shape, **source), self.settings.factor)
        if self.settings.limb_relations:
            factors = factors[:, self._drawn(windows.leads)]
        factors = torch.where(changed.unsqueeze(1), factors, 1.0)
        return windows.with_signal(windows.signal * factors.unsqueeze(2))

    def _drawn(self, leads: tuple[str, ...]) -> list[int]:
        """Whose factor each lead takes: the first limb lead's, or its own."""
        limb = [place for place, lead in enumerate(leads) if lead in LIMB_LEADS]
        return [limb[0] if place in limb else place for place in range(len(leads))]
