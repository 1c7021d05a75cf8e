import numpy as np
import pytest

from fairseq_signals.data.readers._calibration import without_calibration
from fairseq_signals.data.record import Record
from tests.data.readers._vendor_signals import LEADS, steps

SIGNAL = (steps(1000) * 5e-3).astype(np.float32)


def record(*parts, leads=LEADS, rate=500.0):
    return Record(np.hstack(parts).astype(np.float32), rate, leads, "a")


def flat(n_samples, level=0.0):
    return np.full((12, n_samples), level)


PULSE = (flat(50), flat(100, 1.0), flat(50))


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("before", [1, 50, 150])
def test_zeros_pulse_and_zeros_on_all_leads_alike_are_cut_off(noise, before):
    pulse = np.hstack([flat(before), *PULSE[1:]])
    pulse += np.random.default_rng(0).uniform(-noise, noise, pulse.shape)
    cut = without_calibration(record(SIGNAL, pulse))
    np.testing.assert_array_equal(cut.signal, SIGNAL)
    assert cut.meta["calibration_s"] == pytest.approx((before + 150) / 500)


@pytest.mark.parametrize(
    "tail",
    [
        (flat(200),),  # zeros alone: padding, which is another's business
        (flat(50), flat(100, 0.5), flat(50)),  # another height
        (flat(50), flat(10, 1.0), flat(50)),  # a spike
        (flat(500, 0.5), *PULSE),  # leads that are alike, but not in a pulse's form
        (flat(200, 1.0),),  # no rest
        (*PULSE, SIGNAL[:, :30]),  # not at the end
        (flat(50), np.outer(np.arange(12) / 6, np.ones(100)), flat(50)),  # leads that differ
        (np.full((12, 200), np.nan),),
    ],
)
def test_everything_else_is_kept(tail):
    before = record(SIGNAL, *tail)
    after = without_calibration(before)
    assert after is before


def test_a_pulse_on_two_leads_may_be_a_heart_beat():
    signal = np.hstack([SIGNAL, *PULSE])[:2]
    before = Record(signal.astype(np.float32), 500.0, ("I", "II"), "a")
    assert without_calibration(before) is before


def test_a_recording_of_nothing_else_loses_everything():
    assert without_calibration(record(*PULSE)).signal.shape == (12, 0)


def test_an_empty_recording_is_kept():
    assert without_calibration(record(flat(0))).signal.shape == (12, 0)
