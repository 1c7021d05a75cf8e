"""Changes of the vectorcardiogram: every window's heart turned in the chest and stretched along its axes.

Source: Gopal et al. 2021, 3KG (https://arxiv.org/abs/2106.04452): leads x become D M D⁻¹ x with Dower's matrices D
and D⁻¹ (`data.dower`) and M = S R; R turns about the three axes in random order, each by U(-45, 45) degrees; S
stretches each axis by U(1, 1.5), or shrinks it by as much with probability 0.5. III, aVR, aVL and aVF follow from the
changed I and II. The default is this form, mode `project`.

Differs: eight independent leads do not fit into three dimensions, so `project` loses what a dipole cannot express, even
where nothing is turned or stretched: 9 % of the energy of the median recording of PTB-XL, but 32 % of its lead I and
42 % of its aVL. Mode `residual` keeps it: x + D (M - I) D⁻¹ x. The public fairseq-signals turns about z, then y, then x
(order `zyx`), never shrinks (`invert_probability` 0), and takes for D the pseudo-inverse of a D⁻¹ cut after three
decimals, which changes no lead by more than 0.3 % of a millivolt per millivolt; `inverse` `pseudo` goes the other way
and takes for D⁻¹ that of D. A window in which one of the eight leads is absent stays as it is: the lead's zeros would
count as measured and make up a dipole that no heart has.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fairseq_signals.data import dower
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.windows import Windows

MODES = ("project", "residual")
ORDERS = ("random", "zyx")

# The cross product with each axis, x, y, z: the matrices that generate the turns about them.
_CROSS = np.stack([np.cross(np.eye(3)[axis], np.eye(3)).T for axis in range(3)])


def rotations(degrees: Tensor, order: Tensor) -> Tensor:
    """Rotation matrices `[B, 3, 3]`, right-handed.

    Args:
        degrees: angles about x, y and z, `[B, 3]`.
        order: the axes (0 to 2) in the order in which the turns are made, int64 `[B, 3]`.
    """
    angle = degrees.deg2rad()[..., None, None]  # [B, 3, 1, 1]
    cross = torch.as_tensor(_CROSS, dtype=degrees.dtype, device=degrees.device)
    unit = torch.eye(3, dtype=degrees.dtype, device=degrees.device)
    about = unit + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)  # [B, 3, 3, 3], Rodrigues' formula
    first, second, third = about[torch.arange(len(order), device=order.device).unsqueeze(1), order].unbind(1)
    return third @ second @ first


def lead_matrices(
    matrices: Tensor, leads: tuple[str, ...] = STANDARD_LEADS, mode: str = "project", inverse: str = "dower"
) -> Tensor:
    """What changes of the vectorcardiogram do to the leads, `[B, L, L]`.

    Args:
        matrices: `[B, 3, 3]`, M above.
        leads: the L names.
        mode: `project` or `residual`.
        inverse: `dower` or `pseudo`, see `data.dower.INVERSES`.
    """
    to_vcg, to_leads, as_they_are = _tables(leads, inverse, matrices.dtype, matrices.device)
    if mode == "project":
        return to_leads @ matrices @ to_vcg
    return as_they_are + to_leads @ (matrices - torch.eye(3, dtype=matrices.dtype, device=matrices.device)) @ to_vcg


@lru_cache(maxsize=16)
def _tables(leads: tuple[str, ...], inverse: str, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    # Kept on the device, since copying them at every batch would make the processor wait for it.
    tables = dower.vcg_from_leads(leads, inverse), dower.leads_from_vcg(leads), dower.leads_from_independent(leads)
    return tuple(torch.as_tensor(table, dtype=dtype, device=device) for table in tables)


@dataclass
class VcgSettings:
    """Settings of `Vcg`.

    Attributes:
        rotation_degrees: largest angle about each axis, in either sense.
        scale: largest stretch of each axis.
        invert_probability: of each axis to shrink by its stretch instead.
        order: of the turns, `random` or `zyx` (about z, then y, then x).
        mode: `project` (the paper's) or `residual` (keeps what a vectorcardiogram cannot express).
        inverse: from leads to vectorcardiogram, `dower` as printed or `pseudo` unrounded.
    """

    rotation_degrees: float = 45.0
    scale: float = 1.5
    invert_probability: float = 0.5
    order: str = "random"
    mode: str = "project"
    inverse: str = "dower"

    def __post_init__(self):
        if not 0 <= self.rotation_degrees <= 180:
            raise ValueError(f"rotation_degrees of vcg must lie in 0 to 180, got {self.rotation_degrees}")
        if not 1 <= self.scale < float("inf"):
            raise ValueError(f"scale of vcg must be a finite number from 1 on, got {self.scale}")
        if not 0 <= self.invert_probability <= 1:
            raise ValueError(f"invert_probability of vcg must lie in 0 to 1, got {self.invert_probability}")
        for name, known in (("order", ORDERS), ("mode", MODES), ("inverse", tuple(dower.INVERSES))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} of vcg must be one of {', '.join(known)}, got {getattr(self, name)!r}")


@register_transform("vcg")
class Vcg:
    """Turns and stretches the vectorcardiogram of every window that has all eight independent leads."""

    Settings = VcgSettings

    def __init__(self, settings: VcgSettings):
        self.settings = settings
        self._checked = False

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Changed windows; draws twelve numbers per window.

        Raises:
            ValueError: the windows' leads lack one of the eight, or most windows of the first batch do.
        """
        matrices = self.draw(len(windows.signal), windows.signal.device, generator)
        changed = lead_matrices(matrices, windows.leads, self.settings.mode, self.settings.inverse)
        places = [windows.leads.index(lead) for lead in dower.INDEPENDENT_LEADS]
        complete = windows.present[:, places].all(dim=1)
        self._check(complete)
        unchanged = torch.eye(len(windows.leads), device=changed.device)
        return windows.with_signal(torch.where(complete[:, None, None], changed, unchanged) @ windows.signal)

    def draw(self, number: int, device: torch.device, generator: torch.Generator) -> Tensor:
        """Random changes of the vectorcardiogram, `[number, 3, 3]`: a rotation, then a stretch of each axis."""
        angle, turn, stretch, shrink = torch.rand(4, number, 3, generator=generator, device=device)
        order = turn.argsort(dim=1)
        if self.settings.order == "zyx":
            order = torch.arange(2, -1, -1, device=device).expand(number, 3)
        factor = 1 + (self.settings.scale - 1) * stretch
        factor = torch.where(shrink < self.settings.invert_probability, 1 / factor, factor)
        return factor.unsqueeze(2) * rotations((2 * angle - 1) * self.settings.rotation_degrees, order)

    def _check(self, complete: Tensor):
        # Asked once: an absent lead here and there is no harm, but a set of fewer leads, or leads masked before,
        # would leave the views alike for a whole training; asking at every batch would make the processor wait.
        if not self._checked and 2 * int(complete.sum()) < len(complete):
            raise ValueError(
                "windows for vcg must have the leads I, II and V1 to V6 in at least half of a batch (others stay as "
                f"they are), got {int(complete.sum())} of {len(complete)} (first batch; choose all twelve leads, and "
                "mask leads after vcg, not before)"
            )
        self._checked = True
