"""GE MUSE exports against the numbers that were put into them, decoded by hand where it matters."""

import base64
import re
import struct

import numpy as np
import pytest

from tests.data.readers._muse_files import MUSE_DIAGNOSIS, MUSE_TEST, muse, muse_lead, muse_waveform
from tests.data.readers._vendor_signals import DERIVED, EIGHT, LEADS, part, read, steps

pytest.importorskip("defusedxml", reason="the extra vendors is not installed")
SIGNAL = steps()


@pytest.mark.parametrize("names", [EIGHT, LEADS, EIGHT[::-1]])
@pytest.mark.parametrize(
    ("step", "unit", "millivolts"),
    [
        (4.88, "MICROVOLTS", 4.88e-3),
        (5, "microvolts", 5e-3),
        (0.00244, "MILLIVOLTS", 2.44e-3),
        ("1.25E-6", "VOLTS", 1.25e-3),
    ],
)
def test_amplitudes_are_the_stated_unit_times_the_stated_step_of_the_rhythm(tmp_path, names, step, unit, millivolts):
    content = muse(SIGNAL, names, LeadAmplitudeUnitsPerBit=step, LeadAmplitudeUnits=unit)
    record = read(tmp_path, content)
    np.testing.assert_allclose(record.signal, SIGNAL * millivolts, atol=2e-6)
    assert (record.leads, record.rate, record.id) == (LEADS, 500.0, "a")
    assert record.meta.get("derived", ()) == (() if names == LEADS else DERIVED)


def test_samples_are_16_bit_little_endian_in_base64(tmp_path):
    content = muse(SIGNAL)
    lead = re.findall(rb"<LeadID>V3</LeadID>.*?<WaveFormData>(.*?)</WaveFormData>", content, re.DOTALL)[1]
    raw = base64.b64decode(lead)
    by_hand = [struct.unpack_from("<h", raw, 2 * i)[0] * 4.88 / 1000 for i in range(len(raw) // 2)]
    np.testing.assert_allclose(read(tmp_path, content).signal[LEADS.index("V3")], by_hand, rtol=1e-6)


def test_stored_limb_leads_are_kept_even_where_the_sums_differ(tmp_path):
    signal = SIGNAL.copy()
    signal[3] += 50
    record = read(tmp_path, muse(signal, LEADS))
    np.testing.assert_allclose(record.signal[3], signal[3] * 4.88e-3, rtol=1e-6)
    assert "derived" not in record.meta


def test_one_stored_limb_lead_more_is_not_derived(tmp_path):
    record = read(tmp_path, muse(SIGNAL, (*EIGHT, "aVF")))
    assert record.meta["derived"] == ("III", "aVR", "aVL")


def test_what_the_file_says_of_patient_and_recording(tmp_path):
    record = read(tmp_path, muse(SIGNAL))
    assert (record.patient, record.labels) == ("P1", ())
    expected = {"age": 63.0, "sex": "female", "started": "2015-07-02T08:59:50", "device": "GE MAC55"}
    assert {key: record.meta[key] for key in expected} == expected
    assert record.meta["statements"] == ("Sinus bradycardia with block", "Abnormal ECG")
    assert record.meta["notes"] == ()


AGES = [
    ("<PatientAge>30</PatientAge><AgeUnits>DAYS</AgeUnits>", 30 / 365.25),
    ("<PatientAge>7</PatientAge>", 65.5),
    ("", 65.5),
]


@pytest.mark.parametrize(("age", "years"), AGES)
def test_an_age_has_a_unit_or_follows_from_the_dates(tmp_path, age, years):
    patient = f"<PatientDemographics>{age}<DateofBirth>01-02-1950</DateofBirth></PatientDemographics>"
    assert read(tmp_path, muse(SIGNAL, patient=patient)).meta["age"] == pytest.approx(years)


def test_a_file_without_any_facts_is_read(tmp_path):
    record = read(tmp_path, muse(SIGNAL, patient="", test="", diagnosis=""))
    assert record.patient is None and record.meta["age"] is None and record.meta["statements"] == ()


def test_careless_statements_do_not_lose_the_recording(tmp_path):
    diagnosis = MUSE_DIAGNOSIS.replace("Abnormal ECG", "QTc < 450 & PR > 200")
    with pytest.warns(UserWarning, match="text must be well-formed XML, got bare characters: mended"):
        record = read(tmp_path, muse(SIGNAL, diagnosis=diagnosis))
    assert record.meta["statements"][-1] == "QTc < 450 & PR > 200"
    np.testing.assert_allclose(record.signal, SIGNAL * 4.88e-3, atol=2e-6)


@pytest.mark.parametrize(("base", "exponent", "rate"), [(250, 0, 250), (5, 2, 500), (10000, -1, 1000)])
def test_the_rate_is_base_times_ten_to_the_exponent(tmp_path, base, exponent, rate):
    leads = [muse_lead(name, row) for name, row in zip(LEADS, SIGNAL, strict=True)]
    assert read(tmp_path, muse(SIGNAL, waveforms=[muse_waveform(leads, base=base, exponent=exponent)])).rate == rate


def rhythm(names, signal=SIGNAL, **changed):
    return muse_waveform(
        [muse_lead(name, row, **changed) for name, row in zip(names, part(signal, names), strict=True)]
    )


@pytest.mark.parametrize("first", [rhythm(("II",), np.hstack([SIGNAL] * 5)), rhythm(EIGHT, SIGNAL[:, :50])])
def test_of_several_rhythms_the_one_with_most_leads_then_the_longest_is_read_and_noted(tmp_path, first):
    with pytest.warns(UserWarning, match="rhythm waveforms must be one, got 2: read number 2"):
        record = read(tmp_path, muse(SIGNAL, waveforms=[first, rhythm(EIGHT)]))
    np.testing.assert_allclose(record.signal, SIGNAL * 4.88e-3, atol=2e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"LeadDataCRC32": 1}, "checksum of lead I must agree with its samples"),
        ({"FirstSampleBaseline": 3}, "FirstSampleBaseline of lead I must be 0, got 3: not applied"),
        ({"LeadOff": "TRUE"}, "electrodes must be attached, got lead I marked as off"),
    ],
)
def test_what_is_odd_is_noted_and_read(tmp_path, changed, message):
    leads = [rhythm(EIGHT).replace("</Waveform>", ""), "</Waveform>"]
    leads[0] = leads[0].replace(muse_lead("I", SIGNAL[0]), muse_lead("I", SIGNAL[0], **changed))
    with pytest.warns(UserWarning, match=message):
        record = read(tmp_path, muse(SIGNAL, waveforms=["".join(leads)]))
    np.testing.assert_allclose(record.signal, SIGNAL * 4.88e-3, atol=2e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"LeadAmplitudeUnitsPerBit": None}, "LeadAmplitudeUnitsPerBit must be a number, got '' .*lead I, "),
        ({"LeadAmplitudeUnitsPerBit": 0}, "a step must be a number other than 0"),
        ({"LeadAmplitudeUnitsPerBit": "4_88"}, "LeadAmplitudeUnitsPerBit must be a number"),
        ({"LeadAmplitudeUnitsPerBit": "4,88"}, "LeadAmplitudeUnitsPerBit must be a number"),
        ({"LeadAmplitudeUnits": None}, "a lead must state its unit, or unit must be passed"),
        ({"LeadAmplitudeUnits": "MMHG"}, "unit must be V, mV or uV, got 'MMHG'"),
        ({"LeadSampleSize": 4}, "LeadSampleSize must be 2, got 4"),
        ({"LeadTimeOffset": 12}, "LeadTimeOffset must be 0, got 12"),
        ({"LeadSampleCountTotal": 2**31}, "LeadSampleCountTotal must be a whole number up to"),
        ({"LeadSampleCountTotal": 599}, "LeadSampleCountTotal must agree with the samples, got 599 and 1200 bytes"),
        ({"LeadByteCountTotal": 1202}, "LeadByteCountTotal must agree with the samples"),
        ({"WaveFormData": "AAA$A", "LeadByteCountTotal": None, "LeadSampleCountTotal": None}, "must be in Base64"),
        ({"WaveFormData": "AAAA", "LeadByteCountTotal": None, "LeadSampleCountTotal": None}, "must be of 2 bytes each"),
        ({"LeadID": "I"}, "each lead must be named once"),
        ({"LeadID": "RESP"}, "at least one among I, II"),
    ],
)
def test_a_lead_that_cannot_be_read_with_certainty_is_refused(tmp_path, changed, message):
    with pytest.raises(ValueError, match=rf"(?s){message}.*a\.bin"):
        read(tmp_path, muse(SIGNAL, **changed))


def test_leads_of_different_length_are_refused(tmp_path):
    waveform = rhythm(EIGHT).replace(muse_lead("V6", SIGNAL[11]), muse_lead("V6", SIGNAL[11, :-1]))
    with pytest.raises(ValueError, match=r"leads must have the same number of samples, got \[599, 600\].*a\.bin"):
        read(tmp_path, muse(SIGNAL, waveforms=[waveform]))


def test_a_file_with_median_beats_alone_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a waveform must be of type Rhythm, got Median \(.*a\.bin\)"):
        read(tmp_path, muse(SIGNAL, waveforms=[rhythm(EIGHT).replace("Rhythm", "Median")]))


@pytest.mark.parametrize(("base", "exponent"), [(0, 0), (500, 99), ("nan", 0), (1, 0.5), (-500, 0)])
def test_a_rate_that_makes_no_sense_is_refused(tmp_path, base, exponent):
    leads = [muse_lead(name, row) for name, row in zip(LEADS, SIGNAL, strict=True)]
    with pytest.raises(ValueError, match=r"(rate|SampleBase|SampleExponent) must be .*a\.bin"):
        read(tmp_path, muse(SIGNAL, waveforms=[muse_waveform(leads, base=base, exponent=exponent)]))


def test_what_the_caller_states_must_agree_and_fills_a_missing_unit(tmp_path):
    content = muse(SIGNAL, LeadAmplitudeUnits=None)
    np.testing.assert_allclose(read(tmp_path, content, unit="uV", rate=500).signal, SIGNAL * 4.88e-3, atol=2e-6)
    for passed, message in (
        ({"unit": "mV"}, "unit must agree with the file's MICROVOLTS, got mV"),
        ({"rate": 250}, "rate must agree with the file's 500 Hz, got 250"),
        ({"leads": EIGHT[::-1]}, "leads must agree with the file's"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, muse(SIGNAL), **passed)


def test_a_missing_lead_is_noted(tmp_path):
    waveform = rhythm(EIGHT[:-1]).replace("<NumberofLeads>7", "<NumberofLeads>8")
    with pytest.warns(UserWarning, match="number of leads must be 8 as stated, got 7"):
        assert "V6" not in read(tmp_path, muse(SIGNAL, waveforms=[waveform], test=MUSE_TEST)).leads
