import hashlib
from dataclasses import replace

import numpy as np
import pytest

from fairseq_signals.data.limb_leads import with_limb_leads
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.waveform_digest import waveform_digest


def _record(signal=None, rate=500.0, leads=("I", "II"), **more):
    signal = np.random.default_rng(0).integers(-2000, 2000, (2, 400)) / 1000 if signal is None else signal
    return Record(signal.astype(np.float32), rate, leads, **({"id": "r"} | more))


def test_names_patients_and_rounding_below_a_microvolt_do_not_matter():
    record = _record()
    assert len(waveform_digest(record)) == 16 and int(waveform_digest(record), 16) >= 0
    assert waveform_digest(record) == waveform_digest(_record(id="other", patient="p", labels=("AF",)))
    assert waveform_digest(record) == waveform_digest(_record(record.signal + 0.0004))


@pytest.mark.parametrize(
    "other",
    [
        _record(_record().signal + 0.001),
        _record(rate=250.0),
        _record(leads=("I", "V1")),
        _record(_record().signal[:, :-1]),
        _record(-_record().signal),
    ],
    ids=["a microvolt", "rate", "lead", "length", "polarity"],
)
def test_any_other_waveform_has_another(other):
    assert waveform_digest(_record()) != waveform_digest(other)


def test_derived_leads_do_not_count():
    assert waveform_digest(with_limb_leads(_record())) == waveform_digest(_record())


def test_a_lost_sample_is_a_value_of_its_own():
    lost, zero, infinite = (_record() for _ in range(3))
    lost.signal[0, 0], zero.signal[0, 0], infinite.signal[0, 0] = np.nan, 0, np.inf
    assert len({waveform_digest(one) for one in (lost, zero, infinite)}) == 3


@pytest.mark.real
def test_the_same_recording_in_two_formats_has_one_digest(real_ecgs, tmp_path):
    header = sorted(real_ecgs("ptbxl500").rglob("*.hea"))[0]
    record = read_record(header)
    np.savez(tmp_path / "r.npz", signal=record.signal * 1000, rate=record.rate, leads=record.leads, unit="uV")
    again = read_record(tmp_path / "r.npz")
    assert waveform_digest(again) == waveform_digest(record) != waveform_digest(replace(record, rate=499.0))


def test_the_digest_is_that_of_rate_names_and_whole_microvolts():
    for largest, kind in ((32767, "<i2"), (32768, "<i4"), (-32768, "<i4")):
        microvolts = np.random.default_rng(1).integers(-32767, 32768, (2, 50))
        microvolts[1, 7] = largest
        text = b"500 I,II " + microvolts.astype(kind).tobytes()
        assert waveform_digest(_record(microvolts / 1000)) == hashlib.sha256(text).hexdigest()[:16]
