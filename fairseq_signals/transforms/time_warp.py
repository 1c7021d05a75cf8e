"""Time warp: time runs faster and slower within the window, the same for all leads; its ends stay where they are.

Source: Mehari and Strodthoff 2022, section 3 and supplement; the parameters are their public code's, which has two
forms. `squeeze` is what that code calls dynamic time warp: three times, what lies within 0.2 s of a random centre is
squeezed to within 0.1 s of it (every second sample is dropped), and the next 0.1 s on either side is drawn out to the
0.2 s that become free. The time axis is a chain of straight pieces of slope 1, 1/2 and 2; it has nothing to do with the
alignment of two signals that goes by this name. `walk` is what it calls time warp, which is not among those that its
README offers: the pace of time is a random walk, lifted until its lowest value is `slowest`.

Differs: a padded window is warped within its valid part, and a window too short for the radius has a smaller one. That
code warps one time after the other and interpolates between samples each time; here the three changes of the time axis
are made one after the other and the signal is read off once. As there, squeezing has no filter against aliasing.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.transforms import register_transform
from fairseq_signals.transforms.interpolation import at_positions
from fairseq_signals.transforms.noise import changed_windows, draws_from, is_count, is_number, require
from fairseq_signals.transforms.windows import Windows

STEPS_PER_SECOND = 100.0
"""The walk's variance grows by 1 with each of that code's samples, which are 10 ms apart."""


def squeezed_positions(uniform: Tensor, radius: float, factor: float, lengths: Tensor, size: int) -> Tensor:
    """Where each sample of a window squeezed around some centres comes from, float64 `[B, T]`.

    Args:
        uniform: draws from [0, 1) that place the centres, `[B, W]`.
        radius: samples within which a squeezed stretch comes to lie.
        factor: by which it is squeezed; its neighbours are drawn out by as much.
        lengths: valid samples of each window, `[B]`.
        size: T; what lies behind the valid samples has no meaning.
    """
    last = (lengths - 1).clamp(min=0).double().unsqueeze(1)  # [B, 1]
    reach = (last / 2).clamp(max=radius * (factor + 1))  # how far from its centre a warp changes anything
    inner = reach / (factor + 1)
    position = torch.arange(size, device=uniform.device, dtype=torch.float64).expand(len(uniform), -1)
    for draw in uniform.double().T:
        centre = reach + draw.unsqueeze(1) * (last - 2 * reach)
        away = position - centre
        far = away.abs()
        drawn_out = inner * factor + (far - inner) / factor
        moved = torch.where(far <= inner, factor * far, torch.where(far < reach, drawn_out, far))
        position = centre + away.sign() * moved
    return position


def walked_positions(normal: Tensor, slowest: float, lengths: Tensor) -> Tensor:
    """Where each sample comes from when the pace of time is a random walk, float64 `[B, T]`.

    Args:
        normal: the walk's steps, `[B, T]`.
        slowest: what the smallest value of a walk becomes, above 0.
        lengths: valid samples of each window, `[B]`.
    """
    valid = valid_frames(lengths, normal.shape[1])
    walk = normal.double().cumsum(dim=1)
    lowest = walk.masked_fill(~valid, torch.inf).amin(dim=1, keepdim=True)
    pace = torch.where(valid, walk - lowest + slowest, slowest)
    time = pace.cumsum(dim=1)
    last = (lengths - 1).clamp(min=0).unsqueeze(1)
    time = (time - time[:, :1]) / (time.gather(1, last) - time[:, :1]).clamp(min=slowest) * last  # where samples go
    place = torch.arange(normal.shape[1], device=normal.device, dtype=torch.float64).expand_as(time).contiguous()
    before = torch.searchsorted(time, place, right=True).sub(1).clamp(min=0, max=max(normal.shape[1] - 2, 0))
    after = (before + 1).clamp(max=normal.shape[1] - 1)
    reached = time.gather(1, before)
    between = (place - reached) / (time.gather(1, after) - reached).clamp(min=1e-12)
    return torch.minimum(before + between, last.double())


@dataclass
class TimeWarpSettings:
    """Settings of `TimeWarp`.

    Attributes:
        form: `squeeze` (the paper's) or `walk`.
        warps: number of centres to squeeze around.
        radius_seconds: half the length of a squeezed stretch afterwards.
        factor: by which it is squeezed.
        slowest: smallest value of a walk, whose steps have variance 1 per 10 ms; the larger, the weaker the warp.
        probability: of a window to be changed.
    """

    form: str = "squeeze"
    warps: int = 3
    radius_seconds: float = 0.1
    factor: float = 2.0
    slowest: float = 10.0
    probability: float = 1.0

    def __post_init__(self):
        require(self.form in ("squeeze", "walk"), "form of time_warp", "be squeeze or walk", self.form)
        require(is_count(self.warps, 1), "warps of time_warp", "be 1, 2, 3, …", self.warps)
        for name in ("radius_seconds", "slowest"):
            value = getattr(self, name)
            require(is_number(value, 0) and value > 0, f"{name} of time_warp", "be a number above 0", value)
        require(is_number(self.factor, 1), "factor of time_warp", "be a number from 1 on", self.factor)
        require(is_number(self.probability, 0, 1), "probability of time_warp", "lie in 0 to 1", self.probability)


@register_transform("time_warp")
class TimeWarp:
    """Warps the time of every window."""

    Settings = TimeWarpSettings

    def __init__(self, settings: TimeWarpSettings):
        self.settings = settings

    def __call__(self, windows: Windows, rate: float, generator: torch.Generator) -> Windows:
        """Warped windows; draws whether per window, and a number per centre or, for walks, per sample."""
        source, (batch, _, samples) = draws_from(generator, windows), windows.signal.shape
        changed = changed_windows(windows, self.settings.probability, source).bool()
        lengths = windows.valid_lengths
        if self.settings.form == "squeeze":
            uniform = torch.rand(batch, self.settings.warps, **source)
            radius = self.settings.radius_seconds * rate
            position = squeezed_positions(uniform, radius, self.settings.factor, lengths, samples)
        else:
            steps = torch.randn(batch, samples, **source) * (STEPS_PER_SECOND / rate) ** 0.5
            position = walked_positions(steps, self.settings.slowest, lengths)
        place = torch.arange(samples, device=position.device, dtype=position.dtype)
        position = torch.where(changed.unsqueeze(1), position, place)
        return windows.with_signal(at_positions(windows.signal, position))
