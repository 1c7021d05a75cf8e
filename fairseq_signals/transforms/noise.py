"""What the physiological noises share: their settings, which leads they are drawn for, and waves common to all leads.

The standard limb leads are sums of the same three potentials, so whatever enters at the electrodes of a recording
obeys III = II − I and Goldberger's relations. By default noise is therefore drawn for the independent leads (I, II and
the chest leads) and follows from them in III, aVR, aVL and aVF: a clean recording's relations hold after it, too.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from fairseq_signals.data.limb_leads import LIMB_LEADS, factors
from fairseq_signals.transforms.windows import Windows

GAINS = {
    "equal": lambda shape, source: torch.ones(shape, device=source["device"]),
    "sign": lambda shape, source: _signs(shape, source),
    "normal": lambda shape, source: 1 + 0.5 * torch.randn(shape, **source),
    "signed_normal": lambda shape, source: _signs(shape, source) * (1 + torch.randn(shape, **source)),
    "uniform": lambda shape, source: 2 * torch.rand(shape, **source) - 1,
}
"""How strongly a lead takes up a wave: 1, ±1, N(1, 0.5²), ±N(1, 1) or U(−1, 1)."""


@dataclass
class NoiseSettings:
    """Settings of every noise.

    Attributes:
        probability: of a window to be changed.
        amplitude: bound of the drawn amplitudes, mV.
        limb_relations: draw for I, II and the chest leads alone and compute the noise of III, aVR, aVL and aVF from
            that of I and II; otherwise every lead has noise of its own.
    """

    probability: float = 1.0
    amplitude: float = 0.5
    limb_relations: bool = True

    def __post_init__(self):
        require(is_number(self.probability, 0, 1), "probability of a noise", "lie in 0 to 1", self.probability)
        require(is_number(self.amplitude, 0), "amplitude of a noise", "be a number of mV from 0 on", self.amplitude)
        require(isinstance(self.limb_relations, bool), "limb_relations", "be true or false", self.limb_relations)


@dataclass
class WaveSettings(NoiseSettings):
    """Settings of a noise that is one wave in all leads of a window, times a gain.

    Attributes:
        gain: a name among `GAINS`.
        gain_per: "lead" (a gain for each) or "window" (one for all leads).
        scale_power: the noise is multiplied by u to this power, u ~ U(0, 1) per window. 0 (the paper) leaves it;
            1 is a total amplitude that is drawn, as in the code of Mehari and Strodthoff 2022; 2 is its powerline,
            which is multiplied by that draw twice.
    """

    gain: str = "equal"
    gain_per: str = "lead"
    scale_power: int = 0

    def __post_init__(self):
        super().__post_init__()
        require(self.gain in list(GAINS), "gain of a noise", f"be one of {', '.join(GAINS)}", self.gain)
        require(self.gain_per in ("lead", "window"), "gain_per of a noise", "be lead or window", self.gain_per)
        require(is_count(self.scale_power, 0), "scale_power of a noise", "be 0, 1, 2, …", self.scale_power)


def drawn_leads(leads: tuple[str, ...], limb_relations: bool) -> tuple[str, ...]:
    """The leads that noise is drawn for: all of `leads`, or those that `spread` needs to keep the limb relations."""
    if not limb_relations or not set(leads) & set(LIMB_LEADS[2:]):
        return tuple(leads)
    return (*LIMB_LEADS[:2], *(lead for lead in leads if lead not in LIMB_LEADS))


def spread(drawn: Tensor, names: tuple[str, ...], leads: tuple[str, ...]) -> Tensor:
    """Noise or gains `[B, L, …]` of `leads`: as drawn where `names` holds the lead, else computed from I and II.

    Args:
        drawn: `[B, D, …]`.
        names: the D names, from `drawn_leads`.
        leads: the L names.
    """
    rows = {name: drawn[:, place] for place, name in enumerate(names)}
    for lead in set(leads) - set(rows):
        of_one, of_two = factors([lead], LIMB_LEADS[:2])[0].tolist()
        rows[lead] = of_one * rows["I"] + of_two * rows["II"]
    return torch.stack([rows[lead] for lead in leads], dim=1)


def changed_windows(windows: Windows, probability: float, source: dict[str, Any]) -> Tensor:
    """1.0 for each window that is changed and 0.0 for the others, `[B]`."""
    return (torch.rand(len(windows.signal), **source) < probability).float()


def draw_gains(windows: Windows, settings: WaveSettings, source: dict[str, Any]) -> Tensor:
    """Gains `[B, L]` of a wave: 0 for windows that stay, the drawn scale included."""
    changed = changed_windows(windows, settings.probability, source)
    scale = changed * torch.rand(len(changed), **source) ** settings.scale_power
    names = drawn_leads(windows.leads, settings.limb_relations)
    shape = (len(changed), len(names) if settings.gain_per == "lead" else 1)
    gains = GAINS[settings.gain](shape, source).expand(-1, len(names))
    return spread(gains * scale.unsqueeze(1), names, windows.leads)


def add_wave(signal: Tensor, gains: Tensor, wave: Tensor) -> Tensor:
    """Signal `[B, L, T]` plus gain `[B, L]` times wave `[B, T]`."""
    return torch.addcmul(signal, gains.unsqueeze(2), wave.unsqueeze(1))


def cosines(hertz: Tensor, amplitude: Tensor, phase: Tensor, samples: int, rate: float) -> Tensor:
    """Σₖ aₖ cos(2π fₖ t + φₖ) from t = 0 on, float32 `[B, T]`.

    Args:
        hertz: frequencies, `[B, K]`.
        amplitude: in mV, `[B, K]`.
        phase: in radians, `[B, K]`.
        samples: T.
        rate: Hz.
    """
    # Ten seconds of 60 Hz are 3,770 radians: in float32 the phase would be coarse and the noise more than one line.
    time = torch.arange(samples, device=hertz.device, dtype=torch.float64) * (2 * math.pi / rate)
    wave = torch.zeros(len(hertz), samples, device=hertz.device, dtype=torch.float64)
    for f, a, phi in zip(hertz.double().T, amplitude.T, phase.double().T, strict=True):
        wave.addcmul_(torch.cos(torch.addcmul(phi.unsqueeze(1), f.unsqueeze(1), time)), a.double().unsqueeze(1))
    return wave.float()


def require_within_half_rate(what: str, highest: float, rate: float, settings: str):
    """Refuses a frequency that the sampling rate folds down to another one.

    Raises:
        ValueError: the highest frequency of a noise lies above half the rate.
    """
    if highest > rate / 2:
        raise ValueError(
            f"{what} must stay within half the sampling rate, {rate / 2:g} Hz, got {highest:g} Hz ({settings})"
        )


def draws_from(generator: torch.Generator, windows: Windows) -> dict[str, Any]:
    """Keywords that make PyTorch draw from the generator, on the windows' device."""
    return {"generator": generator, "device": windows.signal.device}


def draw_between(bounds: "list[float] | tuple[float, ...]", shape: tuple[int, ...], source: dict[str, Any]) -> Tensor:
    """Numbers drawn uniformly between two bounds."""
    low, high = bounds
    return low + (high - low) * torch.rand(shape, **source)


def is_number(value: Any, low: float, high: float = math.inf) -> bool:
    """Whether a setting is a finite number between two bounds."""
    return isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high and math.isfinite(value)


def is_range(value: Any, low: float, high: float = math.inf) -> bool:
    """Whether a setting is [lowest, highest], two numbers in order within two bounds."""
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    return pair and all(is_number(end, low, high) for end in value) and value[0] <= value[1]


def is_count(value: Any, low: int) -> bool:
    """Whether a setting is a whole number from `low` on."""
    return isinstance(value, int) and is_number(value, low)


def require(fulfilled: bool, what: str, expected: str, received: Any):
    """Refuses a setting that is not what it must be."""
    if not fulfilled:
        raise ValueError(f"{what} must {expected}, got {received!r}")


def _signs(shape: tuple[int, ...], source: dict[str, Any]) -> Tensor:
    return torch.randint(2, shape, **source) * 2.0 - 1
