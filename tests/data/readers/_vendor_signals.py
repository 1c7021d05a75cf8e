"""Signals to write into vendors' files, whole numbers `[12, T]` of the twelve leads, and how files are read back."""

import numpy as np

from fairseq_signals.data.readers import read_record

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
DERIVED = ("III", "aVR", "aVL", "aVF")  # where a file has the other eight alone
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


def read(tmp_path, content, **passed):
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    return read_record(path, **passed)
