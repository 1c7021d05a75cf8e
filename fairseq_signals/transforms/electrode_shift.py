"""Chest electrodes set a little elsewhere, as in another session: each lead V1 to V6 mixes with a neighbour's.

Between two recordings of one person chest electrodes are not set on the same spots, and from 2 cm on the lead's shape
changes visibly, most of all in V2 (Kania et al. 2014, The effect of precordial lead displacement on ECG morphology,
https://doi.org/10.1007/s11517-013-1115-9). An electrode moved by the share s of the way to the next one sees about
(1 - s) V_i + s V_{i±1}: the potential is taken as linear between neighbours. The limb leads stay as they are, so their
relations hold.

Differs from nature: moves across the row of electrodes (up, down) are not imitated, nor moves beyond its ends: an end
that would move outwards stays. An electrode whose neighbour on that side is absent stays, too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.noise import draws_from, is_number, require
from fairseq_signals.transforms.windows import Windows

CHEST_LEADS = ("V1", "V2", "V3", "V4", "V5", "V6")


def moved_leads(moves: Tensor, leads: tuple[str, ...], present: Tensor) -> Tensor:
    """Which sum of the leads each lead becomes, `[B, L, L]`.

    Args:
        moves: `[B, 6]`, by which share of the way to its neighbour each of V1 to V6 moves, -1 to 1; above 0 towards V6.
        leads: the L names.
        present: boolean `[B, L]`, leads that exist.
    """
    mixed = torch.eye(len(leads), device=moves.device).repeat(len(moves), 1, 1)
    for step in (1, -1):
        for number, lead in enumerate(CHEST_LEADS):
            other = number + step
            if lead not in leads or not 0 <= other < len(CHEST_LEADS) or CHEST_LEADS[other] not in leads:
                continue
            row, column = leads.index(lead), leads.index(CHEST_LEADS[other])
            share = (step * moves[:, number]).clamp(min=0) * (present[:, row] & present[:, column])
            mixed[:, row, row] -= share
            mixed[:, row, column] += share
    return mixed


@dataclass
class ElectrodeShiftSettings:
    """Settings of `ElectrodeShift`; shares of the way between neighbouring electrodes.

    Attributes:
        each: largest move of an electrode by itself, in either sense.
        together: largest move of all six, in either sense, added to their own.
    """

    each: float = 0.25
    together: float = 0.25

    def __post_init__(self):
        for name in ("each", "together"):
            require(
                is_number(getattr(self, name), 0, 1), f"{name} of electrode_shift", "lie in 0 to 1", getattr(self, name)
            )
        require(self.each + self.together <= 1, "each and together of electrode_shift", "add up to 1 at most", self)


@register_transform("electrode_shift")
class ElectrodeShift:
    """Moves the chest electrodes of every window."""

    Settings = ElectrodeShiftSettings

    def __init__(self, settings: ElectrodeShiftSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Windows with moved electrodes; draws seven numbers per window."""
        uniform = 2 * torch.rand(len(windows.signal), 7, **draws_from(generator, windows)) - 1
        moves = self.settings.each * uniform[:, :6] + self.settings.together * uniform[:, 6:]
        return windows.with_signal(moved_leads(moves, windows.leads, windows.present) @ windows.signal)
