"""Signals to write into vendors' files: whole numbers `[12, T]`, the twelve standard leads in standard order."""

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def steps(n_samples=600, seed=0, largest=700):
    """Twelve leads of which the six limb leads satisfy Einthoven and Goldberger exactly."""
    draw = np.random.default_rng(seed)
    free = np.cumsum(draw.integers(-9, 10, (8, n_samples)), axis=1) * 2
    free = np.clip(free, -largest, largest) // 2 * 2
    one, two = free[:2]
    limbs = [one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2]
    return np.array([*limbs, *free[2:]])


def part(signal, names):
    return [signal[LEADS.index(name)] for name in names]
