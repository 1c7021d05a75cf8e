"""Six levels of physiological noise on whole recordings, and how loud they are.

Conventions:
    Signals are `[L, T]` in mV. Level 0 is the recording itself. A recording's noise depends on the seed, the level and
    the recording's id alone: every model and run sees the same, whatever the batch, device and other recordings.

Source: Mehari and Strodthoff 2022, section 3.4 and Fig. 6. The amplitudes and the form of each noise are their public
code's, as its test with noise runs it, at 100 Hz: `physiological_noise`.

Differs: that code draws new noise for each window of 2.5 s; here a recording has one, which its overlapping windows
share. Baseline wander begins at 0.01 Hz and ends at 0.5 Hz, where that code has 0 (a constant) to 0.49 Hz.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.transforms.pipeline import Pipeline, keyed_generator
from fairseq_signals.transforms.windows import Windows


@dataclass(frozen=True)
class NoiseLevel:
    """The largest amplitudes that a recording draws, mV.

    Attributes:
        wander: of each of the fifty cosines of baseline wander.
        emg: standard deviation of the muscles' white noise.
        powerline: whose square bounds each of the three harmonics.
        shift: of a shift of the baseline, before the leads' gains.
    """

    wander: float
    emg: float
    powerline: float
    shift: float


LEVELS = {
    1: NoiseLevel(0.05, 0.25, 0.1, 0.5),
    2: NoiseLevel(0.1, 0.5, 0.2, 1.0),
    3: NoiseLevel(0.1, 1.0, 0.2, 2.0),
    4: NoiseLevel(0.2, 1.0, 0.4, 2.0),
    5: NoiseLevel(0.2, 1.5, 0.4, 2.5),
    6: NoiseLevel(0.3, 2.0, 0.5, 3.0),
}
"""The levels of Fig. 6. That code pre-trains on physiological noise of level 2."""


def physiological_noise(level: NoiseLevel) -> list[dict[str, Any]]:
    """The four noises of a level as transforms of a recipe.

    All four are multiplied by a strength of their own, uniform from 0 to 1 per recording (powerline twice, hence the
    square). None keeps the relations of the limb leads: wander is equal in all leads, the others differ by lead.
    """
    shared = {"limb_relations": False}
    drawn = {"scale_power": 1, **shared}
    wander = {"terms": 50, "spacing": [0.01, 0.01], "gain": "equal", "amplitude": level.wander}
    powerline = {"harmonics": 3, "fold": True, "gain": "uniform", "amplitude": level.powerline**2, "scale_power": 2}
    shift = {"seconds": 3.0, "spans_per_second": 0.3, "gain": "signed_normal", "amplitude": level.shift}
    return [
        {"_name": "baseline_wander", **wander, **drawn},
        {"_name": "powerline", **powerline, **shared},
        {"_name": "emg", "sigma_per": "window", "amplitude": level.emg, **shared},
        {"_name": "baseline_shift", **shift, **drawn},
    ]


def noise_of(record: Record, level: int, seed: int = 1) -> np.ndarray:
    """The noise of a recording at a level, float32 `[L, T]` in mV; all zero at level 0.

    Raises:
        ValueError: there is no such level.
    """
    if level != 0 and level not in LEVELS:
        raise ValueError(f"level of noise must be one of 0, {', '.join(map(str, LEVELS))}, got {level!r}")
    samples = record.signal.shape[1]
    if level == 0 or not samples:
        return np.zeros_like(record.signal)
    # Drawn for all twelve leads, so that a lead's noise does not depend on which others a recording has.
    present = torch.ones(1, len(STANDARD_LEADS), dtype=torch.bool)
    silence = Windows(torch.zeros(1, len(STANDARD_LEADS), samples), present)
    generator = keyed_generator(torch.device("cpu"), seed, "robustness", level, record.id)
    noise = Pipeline("single", physiological_noise(LEVELS[level]), record.rate)(silence, generator).signal[0]
    return noise[[STANDARD_LEADS.index(lead) for lead in record.leads]].numpy()


def noisy(record: Record, noise: np.ndarray) -> Record:
    """The recording with noise added to it."""
    return replace(record, signal=record.signal + noise)


def power(signal: np.ndarray) -> float:
    """Mean square over all leads and samples, mV²; 0 for a signal without samples."""
    return float(np.square(signal, dtype=np.float64).mean()) if signal.size else 0.0


def decibels(signal_power: float, noise_power: float) -> float:
    """Signal-to-noise ratio, 10 log10 of the ratio of powers: infinite without noise, NaN without a signal."""
    if not signal_power > 0:
        return math.nan
    return 10 * math.log10(signal_power / noise_power) if noise_power > 0 else math.inf
