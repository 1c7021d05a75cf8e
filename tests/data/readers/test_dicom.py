"""DICOM waveforms against the numbers that were put into them, written byte by byte."""

import numpy as np
import pytest

from fairseq_signals.data.readers import read_record
from tests.data.readers._dicom_files import MDC, dicom, dicom_channel, dicom_file, dicom_group
from tests.data.readers._vendor_signals import EIGHT, LEADS, part, read, steps

pytest.importorskip("pydicom", reason="the extra vendors is not installed")
SIGNAL = steps()
CT = "1.2.840.10008.5.1.4.1.1.2"


def with_channels(signal=SIGNAL, names=LEADS, group=None, **changed):
    return dicom_file(
        [dicom_group(np.array(part(signal, names)), [dicom_channel(n, **changed) for n in names], **group or {})]
    )


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("names", [LEADS, EIGHT, LEADS[::-1]])
def test_the_rhythm_of_every_ecg_class_is_read_by_name(tmp_path, kind, names):
    record = read(tmp_path, dicom(SIGNAL, names, f"1.2.840.10008.5.1.4.1.1.9.1.{kind}"))
    np.testing.assert_allclose(record.signal, SIGNAL * 2.5e-3, atol=1e-6)
    assert (record.leads, record.rate, record.id, record.patient) == (LEADS, 500.0, "1.2.3.4.5", "P5")


@pytest.mark.parametrize(
    ("changed", "truth"),
    [
        ({"sensitivity": "1.25"}, SIGNAL * 1.25e-3),
        ({"sensitivity": "0.00125", "unit": "mV"}, SIGNAL * 1.25e-3),
        ({"sensitivity": "2.5e-6", "unit": "V"}, SIGNAL * 2.5e-3),
        ({"correction": "0.5"}, SIGNAL * 1.25e-3),
        ({"baseline": "100"}, SIGNAL * 2.5e-3 + 0.1),
        ({"baseline": "100", "correction": "2"}, SIGNAL * 5e-3 + 0.1),
        ({"baseline": None, "correction": None, "skew": None}, SIGNAL * 2.5e-3),
    ],
)
def test_amplitude_is_number_times_sensitivity_times_correction_plus_baseline(tmp_path, changed, truth):
    np.testing.assert_allclose(read(tmp_path, with_channels(**changed)).signal, truth, atol=2e-6)


@pytest.mark.parametrize(("dtype", "shift"), [("<i2", 0), ("<i4", 0), ("<u2", 4000)])
def test_integers_of_16_and_32_bits_are_read(tmp_path, dtype, shift):
    content = with_channels(SIGNAL + shift, group={"dtype": dtype}, baseline=str(-shift * 2.5))
    np.testing.assert_allclose(read(tmp_path, content).signal, SIGNAL * 2.5e-3, atol=2e-6)


@pytest.mark.parametrize(
    "named",
    [
        lambda name: {"code": f"5.6.3-9-{MDC[name]}", "meaning": ""},
        lambda name: {"code": f"2:{MDC[name]}", "scheme": "MDC", "meaning": f"Lead {name} (Einthoven)"},
        lambda name: {"code": "X1", "scheme": "99LOCAL", "meaning": f"Lead {name.upper()}"},
    ],
)
def test_leads_are_known_by_code_or_by_meaning(tmp_path, named):
    channels = [dicom_channel(name, **named(name)) for name in LEADS[::-1]]
    record = read(tmp_path, dicom(SIGNAL, LEADS[::-1], channels=channels))
    np.testing.assert_allclose(record.signal, SIGNAL * 2.5e-3, atol=1e-6)


def test_what_the_file_says_of_patient_and_recording(tmp_path):
    meta = read(tmp_path, dicom(SIGNAL)).meta
    expected = {"age": 42.0, "sex": "female", "started": "2013-01-25T10:59:19", "device": "Mortara el250"}
    assert {key: meta[key] for key in expected} == expected
    assert meta["statements"] == ("RITMO SINUSALE",) and meta["notes"] == ()


@pytest.mark.parametrize(("age", "years"), [("006M", 0.5), ("", 42.0), ("042", 42.0), ("010D", 10 / 365.25)])
def test_an_age_has_a_unit_or_follows_from_the_dates(tmp_path, age, years):
    content = dicom_file([dicom_group(SIGNAL, [dicom_channel(name) for name in LEADS])], age=age)
    assert read(tmp_path, content).meta["age"] == pytest.approx(years)


def groups(*others):
    channels = [dicom_channel(name) for name in LEADS]
    return dicom_file([*others, dicom_group(SIGNAL, channels)])


@pytest.mark.parametrize(
    "other",
    [
        dicom_group(np.zeros((12, 9000)), [dicom_channel(name) for name in LEADS], "MEDIAN BEAT"),
        dicom_group(np.zeros((12, 9000)), [dicom_channel(name) for name in LEADS], "", "DERIVED"),
    ],
)
def test_a_longer_beat_is_not_taken_for_the_rhythm(tmp_path, other):
    np.testing.assert_allclose(read(tmp_path, groups(other)).signal, SIGNAL * 2.5e-3, atol=1e-6)


def test_of_several_rhythms_the_one_with_most_leads_is_read_and_noted(tmp_path):
    strip = dicom_group(np.zeros((1, 9000)), [dicom_channel("II")])
    with pytest.warns(UserWarning, match="rhythm groups must be one, got 2: read number 2"):
        record = read(tmp_path, groups(strip))
    np.testing.assert_allclose(record.signal, SIGNAL * 2.5e-3, atol=1e-6)


def test_padding_outside_of_the_signal_is_nan_and_zero_is_an_amplitude(tmp_path):
    signal = SIGNAL.copy()
    signal[5, 100:103] = -32768
    with pytest.warns(UserWarning, match="lead aVF must have samples throughout, got 3 marked as padding"):
        record = read(tmp_path, dicom(signal, padding=-32768))
    assert np.argwhere(np.isnan(record.signal)).tolist() == [[5, 100], [5, 101], [5, 102]]
    for padding in (0, int(SIGNAL[0, 5])):
        record = read(tmp_path, dicom(SIGNAL, padding=padding))
        np.testing.assert_allclose(record.signal, SIGNAL * 2.5e-3, atol=1e-6)
    positive = SIGNAL - SIGNAL.min()
    np.testing.assert_allclose(read(tmp_path, dicom(positive, padding=0)).signal, positive * 2.5e-3, atol=1e-5)


def test_channels_that_are_no_leads_are_dropped_and_their_units_not_asked(tmp_path):
    channels = [dicom_channel(name) for name in LEADS[:11]]
    channels.append(dicom_channel("V6", code="2:999", meaning="Respiration", unit="Ohm", sensitivity=None))
    with pytest.warns(UserWarning, match="channels must be known leads, got Respiration: dropped"):
        record = read(tmp_path, dicom(SIGNAL, channels=channels))
    assert record.leads == LEADS[:11]


def test_skewed_channels_are_noted(tmp_path):
    with pytest.warns(UserWarning, match="ChannelSampleSkew of lead II must be 0, got 3: not applied"):
        read(tmp_path, with_channels(names=("II",), skew="3"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_channels(unit=None), "a lead must state its unit, or unit must be passed"),
        (with_channels(unit="mm[Hg]"), "unit must be V, mV or uV, got 'mm"),
        (with_channels(unit="nV"), "unit must be V, mV or uV, got 'nV'"),
        (with_channels(sensitivity=None), "sensitivity must be a number, got 'None'"),
        (with_channels(sensitivity="0"), "a step must be a number other than 0"),
        (with_channels(correction="0"), "a step must be a number other than 0"),
        (with_channels(code="5.6.3-9-2"), r"a lead's code and meaning must agree, got 5.6.3-9-2 \(II\) and 'Lead I'"),
        (with_channels(names=("I",), group={"rate": "0"}), "rate must be 1 to 1000000 Hz"),
        (with_channels(group={"n_samples": 2**31}), "number of samples must be a whole number up to"),
        (with_channels(group={"n_samples": 2**24}), "waveform data must be 12 channels of 16777216 samples"),
        (with_channels(group={"n_samples": 599}), "waveform data must be 12 channels of 599 samples"),
        (with_channels(group={"n_channels": 11}), "each channel must be defined, got 11 channels and 12 definitions"),
        (with_channels(group={"bits": 8, "kind": "MB"}), "plain integers of 8, 16 or 32 bits, got 8 bits of kind MB"),
        (with_channels(group={"label": "MEDIAN BEAT"}), "must hold a rhythm waveform, got MEDIAN BEAT"),
        (dicom_file([]), "must hold a rhythm waveform, got none"),
        (dicom(SIGNAL, sop=CT), "must be an ECG waveform, got CT Image Storage"),
        (dicom_file([], syntax="1.2.840.10008.1.2.1.99"), "uncompressed, got Deflated Explicit VR Little Endian"),
        (dicom_file([], syntax="1.2.840.10008.1.2.2"), "little-endian and uncompressed, got Explicit VR Big Endian"),
        (dicom_file([], syntax=""), "little-endian and uncompressed, got none"),
        (dicom(SIGNAL, (*LEADS[:11], "V5")), "each lead must be named once"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_with_certainty_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"{message}.*a\.bin"):
        read(tmp_path, content)


def test_an_image_in_dicom_names_what_it_is(tmp_path):
    from pydicom.data import get_testdata_file

    content = open(get_testdata_file("CT_small.dcm", download=False), "rb").read()
    with pytest.raises(ValueError, match=r"must be an ECG waveform, got CT Image Storage \(.*a\.bin\)"):
        read(tmp_path, content)


@pytest.mark.parametrize("kept", [132, 140, 400, 2000, 20_000, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    with pytest.raises(ValueError, match=r"a\.bin"):
        read(tmp_path, dicom(SIGNAL)[:kept])


def test_sequences_nested_a_thousand_deep_are_refused(tmp_path):
    import struct

    opening = (
        struct.pack("<HH", 0x5400, 0x100) + b"SQ\0\0" + b"\xff" * 4 + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    )
    with pytest.raises(ValueError, match=r"a\.bin"):
        read(tmp_path, dicom_file([]) + opening * 20_000)


def test_a_sequence_of_too_many_items_is_refused_unread(tmp_path):
    with pytest.raises(ValueError, match=r"sequences must have at most 20000 items, got 20001 \(.*a\.bin\)"):
        read(tmp_path, dicom_file([b""] * 20_000))


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    from fairseq_signals.data.readers import dicom as module

    monkeypatch.setattr(module, "LARGEST_FILE", 1000)
    with pytest.raises(ValueError, match=r"at most 1000 bytes, got \d+ \(.*a\.bin\)"):
        read(tmp_path, dicom(SIGNAL))


def test_the_file_that_pydicom_carries_reads_as_pydicom_scales_it(tmp_path):
    import pydicom
    from pydicom.data import get_testdata_file

    path = get_testdata_file("waveform_ecg.dcm", download=False)
    record = read_record(path)
    truth = pydicom.dcmread(path).waveform_array(0).T / 1000  # the file states microvolts
    np.testing.assert_allclose(record.signal, truth, atol=1e-6)
    one, two, three, avr = record.signal[:4]
    np.testing.assert_allclose(three, two - one, atol=2e-3)
    np.testing.assert_allclose(avr, -(one + two) / 2, atol=2e-3)
    assert (record.rate, record.meta["age"], record.meta["sex"]) == (1000.0, 42.0, "female")


def test_what_the_caller_states_must_agree_and_fills_a_missing_unit(tmp_path):
    np.testing.assert_allclose(read(tmp_path, with_channels(unit=None), unit="uV").signal, SIGNAL * 2.5e-3, atol=1e-6)
    for passed, message in (({"unit": "mV"}, "unit must agree"), ({"rate": 250}, "rate must agree"), ({"leads": EIGHT}, "leads must agree")):  # fmt: skip  # noqa: E501
        with pytest.raises(ValueError, match=message):
            read(tmp_path, dicom(SIGNAL), **passed)
