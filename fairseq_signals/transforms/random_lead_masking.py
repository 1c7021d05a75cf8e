"""Random lead masking: each lead of each segment vanishes with probability p.

Source: Oh et al. 2022, section 3.2, p = 0.5, drawn anew at every iteration.

Differs: the literal form lets all leads vanish (once in 4,096 segments of twelve leads), which leaves a segment
that teaches nothing and is everybody's positive; one lead, chosen by the same draw, is kept by default. With n leads
each then vanishes with p - p^n / n: at p = 0.5 with 12, 6, 3, 2 and 1 leads (table 2 of the paper) .500, .497, .458,
.375 and 0. Two leads never vanish together, which correlates them by -.60; one lead is never masked, so that there the
method with random lead masking is the method without. `keep_one: false` is the literal form, p for any number of leads.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.windows import Windows, mask_leads


def leads_to_keep(uniform: Tensor, present: Tensor, probability: float, keep_one: bool = True) -> Tensor:
    """Boolean `[B, L]`: the leads that stay.

    Args:
        uniform: a draw from [0, 1) per lead, `[B, L]`.
        present: boolean `[B, L]`, leads that exist.
        probability: a lead stays where its draw is at least this.
        keep_one: where no present lead would stay, the one with the largest draw does.
    """
    keep = (uniform >= probability) & present
    if keep_one:
        largest = torch.where(present, uniform, -1.0).argmax(dim=1, keepdim=True)
        # Where any lead stays, the one with the largest draw is among them, so this adds nothing.
        keep = keep | (torch.zeros_like(keep).scatter(1, largest, True) & present)
    return keep


@dataclass
class RandomLeadMaskingSettings:
    """Settings of `RandomLeadMasking`.

    Attributes:
        probability: of each lead to vanish.
        keep_one: keep one lead where all would vanish; False is the paper's literal form.
    """

    probability: float = 0.5
    keep_one: bool = True

    def __post_init__(self):
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability of lead masking must lie in 0 to 1, got {self.probability}")


@register_transform("random_lead_masking")
class RandomLeadMasking:
    """Zeroes random leads of every window."""

    Settings = RandomLeadMaskingSettings

    def __init__(self, settings: RandomLeadMaskingSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Masked windows; draws one number per window and lead."""
        shape = windows.present.shape
        uniform = torch.rand(shape, generator=generator, device=windows.signal.device)
        keep = leads_to_keep(uniform, windows.present, self.settings.probability, self.settings.keep_one)
        return mask_leads(windows, keep)
