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
