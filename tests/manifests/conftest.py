"""A folder of WFDB records written by the wfdb package."""

import numpy as np
import pytest
import wfdb

LEADS = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]


@pytest.fixture(scope="session")
def write_wfdb():
    """`write_wfdb(folder, name, seed, comments, samples=…)`: one 12-lead record at 100 Hz, 1000/mV."""

    def write(folder, name, seed, comments=(), samples=600):
        folder.mkdir(parents=True, exist_ok=True)
        digital = np.random.default_rng(seed).integers(-2000, 2000, (samples, 12))
        one, two = (2 * (digital[:, :2] // 4)).T  # limb leads that are none would be found out
        digital[:, :6] = np.stack([one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2], axis=1)
        wfdb.wrsamp(
            name,
            fs=100,
            units=["mV"] * 12,
            sig_name=LEADS,
            d_signal=digital,
            fmt=["16"] * 12,
            adc_gain=[1000.0] * 12,
            baseline=[0] * 12,
            comments=list(comments),
            write_dir=str(folder),
        )
        return digital.T

    return write


@pytest.fixture(scope="session")
def ecg_signal():
    """`ecg_signal(seed, samples)`: 12 leads in standard order, mV, float32 `[12, T]`; the limb leads agree."""

    def make(seed, samples):
        generator = np.random.default_rng(seed)
        times = np.arange(samples) / 400
        beats = np.exp(-0.5 * (((times - 0.4) % 0.8 - 0.4) / 0.012) ** 2)
        one, two = (size * beats + generator.normal(0, 0.02, samples) for size in generator.uniform(0.5, 1.5, 2))
        growing = np.linspace(-1, 1.5, 6)[:, None] * generator.uniform(0.8, 1.2, (6, 1))  # from V1 to V6
        chest = growing * beats + generator.normal(0, 0.02, (6, samples))
        limb = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
        return np.concatenate([limb, chest]).astype(np.float32)

    return make
