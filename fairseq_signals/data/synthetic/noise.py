"""What the electrodes add: breathing and drift, muscle, mains.

Noise arises at the nine electrodes and reaches the leads by their differences, so that Einthoven's and
Goldberger's relations hold for the noise as well.
"""

import numpy as np

# columns RA, LA, LL, V1 to V6; rows I, II, V1 to V6 against Wilson's central terminal
ELECTRODES = np.zeros((8, 9))
ELECTRODES[0, :2] = (-1, 1)
ELECTRODES[1, [0, 2]] = (-1, 1)
ELECTRODES[2:, :3] = -1 / 3
ELECTRODES[2:, 3:] = np.eye(6)


def electrode_noise(
    time: np.ndarray,
    rate: float,
    respiration: float,
    generator: np.random.Generator,
    strength: float = 1.0,
    mains_hz: float = 50.0,
) -> np.ndarray:
    """`[8, T]` mV of noise in I, II, V1 to V6, at a level drawn for the recording.

    Args:
        time: `[T]` s.
        rate: samples per second; muscle noise reaches up to half of it.
        respiration: breaths per second.
        generator: where it comes from.
        strength: of all of it, relative to an ordinary place.
        mains_hz: frequency of the mains.
    """
    level = strength * np.exp(generator.normal(0, 0.45))
    noise = _wander(time, respiration, level, generator)
    noise += _muscle(len(time), level, generator)
    mains = strength * 0.004 * generator.exponential() * np.exp(generator.normal(0, 0.4, (9, 1)))
    if rate > 2 * mains_hz:  # at 100 Hz and below a recorder's filter has removed it
        noise += mains * np.sin(2 * np.pi * (mains_hz * time + generator.random()))
    return ELECTRODES @ noise


def _wander(time: np.ndarray, respiration: float, level: float, generator: np.random.Generator) -> np.ndarray:
    """`[9, T]` mV: breathing, and three slower drifts."""
    speeds = np.array([respiration, *generator.uniform(0.02, 0.15, 3)])[:, None]
    waves = np.sin(2 * np.pi * (speeds * time + generator.random((4, 1))))
    return 0.025 * level * generator.normal(0, 1, (9, 4)) @ waves


def _muscle(samples: int, level: float, generator: np.random.Generator) -> np.ndarray:
    """`[9, T]` mV: white noise, stronger at some electrodes than at others."""
    spread = 0.006 * level * np.exp(generator.normal(0, 0.35, (9, 1)))
    return spread * generator.standard_normal((9, samples))
