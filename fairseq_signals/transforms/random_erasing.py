"""Random erasing: a random stretch of random leads is replaced by zero or by noise.

Source: Zhong et al. 2020 (https://arxiv.org/abs/1708.04896), who erase one rectangle of an image; Nakamoto et al. 2022,
where random erasing is one of five transforms before MoCo and nothing more is said of it. Here the rectangle is a
stretch of time by a set of leads, which need not be neighbours: their order on paper has no meaning.

The share of the window, 0.1 to 0.4, and the leads, each with probability 0.5 and one at least, are ours; Zhong et al.
erase 2 to 40 % of an image's area, and do best with random values.

Erased leads are still present. With `together: true` and zeros it is `time_out`; `lead_time_mask` silences each lead
at another time, and `random_lead_masking` takes whole leads away. A padded window loses its share of what is valid.
"""

from dataclasses import dataclass, field

import torch

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import changed_windows, draw_between, draws_from, is_number, is_range, require
from fairseq_signals.transforms.random_lead_masking import leads_to_keep
from fairseq_signals.transforms.time_out import stretches_inside
from fairseq_signals.transforms.windows import Windows


@dataclass
class RandomErasingSettings:
    """Settings of `RandomErasing`.

    Attributes:
        share: the smallest and the largest share of a window that is erased.
        lead_probability: of a present lead to be erased; where none would be, one is.
        together: erase all leads, in place of random ones.
        sigma: mV, standard deviation of the white noise that stands in for what is erased; 0 leaves zeros.
        probability: of a window to be changed.
    """

    share: list[float] = field(default_factory=lambda: [0.1, 0.4])
    lead_probability: float = 0.5
    together: bool = False
    sigma: float = 0.0
    probability: float = 1.0

    def __post_init__(self):
        possible = is_range(self.share, 0, 1) and self.share[1] < 1
        require(possible, "share of random_erasing", "be [smallest, largest], 0 to below 1", self.share)
        for name in ("lead_probability", "probability"):
            value = getattr(self, name)
            require(is_number(value, 0, 1), f"{name} of random_erasing", "lie in 0 to 1", value)
        require(isinstance(self.together, bool), "together of random_erasing", "be true or false", self.together)
        require(is_number(self.sigma, 0), "sigma of random_erasing", "be a number of mV from 0 on", self.sigma)


@register_transform("random_erasing")
class RandomErasing:
    """Erases a stretch of every window in random leads."""

    Settings = RandomErasingSettings

    def __init__(self, settings: RandomErasingSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with erased stretches; draws whether, how long, where and which leads per window, noise besides."""
        settings, source = self.settings, draws_from(generator, windows)
        changed = changed_windows(windows, settings.probability, source)
        share = changed * draw_between(settings.share, changed.shape, source)
        place, of_leads = torch.rand(changed.shape, **source), torch.rand(windows.present.shape, **source)
        time = stretches_inside(share, place, windows.valid_lengths, windows.signal.shape[2])  # [B, T]
        # A lead to erase is one to keep, read the other way round: the same law, with one at least.
        chance = 1.0 if settings.together else settings.lead_probability
        leads = leads_to_keep(of_leads, windows.present, 1 - chance)  # [B, L]
        erased = time.unsqueeze(1) & leads.unsqueeze(2)
        noise = settings.sigma * torch.randn(windows.signal.shape, **source) if settings.sigma else 0.0
        return windows.with_signal(torch.where(erased, noise, windows.signal))
