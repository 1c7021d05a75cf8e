import numpy as np
import pytest

from fairseq_signals.data.faults import Rejected, usable
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record

LEADS = ("I", "II", "V2")


def _record(change=lambda signal: None, leads=LEADS, length=500):
    signal = np.random.default_rng(0).normal(0, 0.5, (len(leads), length)).astype(np.float32)
    change(signal)
    return Record(signal, 100.0, leads, "r")


def _set(place, value):
    return lambda signal: signal.__setitem__(place, value)


CASES = {
    "leads": (_record(leads=("I", "V2")), r"must include I, II, V2, got I, V2 \(missing II\)"),
    "empty": (_record(length=0), "recording must have samples, got none"),
    "not finite": (
        _record(_set((1, slice(3, 5)), np.nan)),
        r"samples must be finite, got 2 of 1500 that are not \(II\)",
    ),
    "flat": (_record(_set(np.s_[:], [[0.0], [1.5], [-2.0]])), r"must vary, got all constant \(the largest at 2 mV\)"),
    "implausible": (_record(_set((2, 7), -20.001)), r"within ±20 mV, got 20.001 \(lead V2\)"),
    "too short": (_record(length=499), "at least 5 s, got 4.99"),
}


@pytest.mark.parametrize("fault", CASES)
def test_each_fault_is_found_and_named(fault):
    record, message = CASES[fault]
    with pytest.raises(Rejected, match=message) as caught:
        usable(record, LEADS, bound_mv=20.0, shortest_s=5.0)
    assert caught.value.fault == fault


def test_a_good_recording_comes_through_at_the_very_bounds():
    record = _record(_set((2, 7), -20.0))
    assert usable(record, LEADS, 20.0, 5.0).signal is not None
    np.testing.assert_array_equal(usable(record, LEADS, 20.0, 5.0).signal, record.signal)


def test_one_flat_lead_is_no_fault():
    usable(_record(_set(0, 0.0)), LEADS, 20.0, 5.0)


def test_leads_that_are_not_needed_are_dropped_with_their_faults():
    record = _record(_set(3, np.nan), leads=STANDARD_LEADS)
    assert usable(record, ("I", "V2"), 20.0, 5.0).leads == ("I", "V2")


def test_infinite_samples_are_not_finite():
    with pytest.raises(Rejected) as caught:
        usable(_record(_set((0, 0), np.inf)), LEADS, 20.0, 5.0)
    assert caught.value.fault == "not finite"


def test_what_can_only_be_microvolts_is_asked_about():
    with pytest.raises(Rejected, match=r"got 865 \(lead V2; are these microvolts\?\)"):
        usable(_record(_set((2, 7), 865.0)), LEADS, 20.0, 5.0)
