"""SCP-ECG against the numbers that were put into it by the tests' own writer."""

import binascii
import struct

import numpy as np
import pytest

from fairseq_signals.data.readers.scp import recognises
from tests.data.readers._scp_files import SCP_PATIENT, crc, scp, scp_leads, scp_tag
from tests.data.readers._vendor_signals import DERIVED, EIGHT, LEADS, read, steps

pytest.importorskip("ecgdatakit", reason="the extra vendors is not installed")
SIGNAL = steps()


def test_the_tests_checksum_is_the_standards():
    assert crc(b"123456789") == 0x29B1 == binascii.crc_hqx(b"123456789", 0xFFFF)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("huffman", [False, True])
@pytest.mark.parametrize("names", [LEADS, EIGHT, LEADS[::-1]])
def test_plain_differences_and_huffman_come_out_alike(tmp_path, order, huffman, names):
    record = read(tmp_path, scp(SIGNAL, names, order, huffman))
    np.testing.assert_allclose(record.signal, SIGNAL * 2.5e-3, atol=1e-6)
    assert (record.leads, record.rate, record.id, record.patient) == (LEADS, 500.0, "a", "P3")
    assert record.meta.get("derived", ()) == (DERIVED if names == EIGHT else ())
    assert record.meta["notes"] == ()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_huffman_escapes_carry_large_numbers_of_either_sign(tmp_path, order):
    signal = SIGNAL.copy()
    signal[6:] = np.random.default_rng(0).integers(-4000, 4000, signal[6:].shape)
    signal[6, :6] = [127, -128, 128, -129, 8, -9]
    np.testing.assert_allclose(
        read(tmp_path, scp(signal, order=order, huffman=True)).signal, signal * 2.5e-3, atol=2e-6
    )


@pytest.mark.parametrize("order", [0, 2])
@pytest.mark.parametrize("huffman", [False, True])
def test_subtracted_reference_beats_are_added_again(tmp_path, order, huffman):
    beats = np.random.default_rng(3).integers(-300, 300, (12, 80))
    content = scp(SIGNAL, order=order, huffman=huffman, beat=(beats, 31, [60, 250, 480]))
    np.testing.assert_allclose(read(tmp_path, content).signal, SIGNAL * 2.5e-3, atol=1e-6)


def test_a_huffman_table_of_the_files_own_is_followed(tmp_path):
    # 0 is one bit, 0; everything else is 10 and 16 bits; codes are stored with their first bit lowest.
    table = struct.pack("<HH", 1, 2) + struct.pack("<BBBhI", 1, 1, 1, 0, 0) + struct.pack("<BBBhI", 2, 18, 1, 0, 0b01)
    coded = []
    for row in SIGNAL:
        text = "".join("0" if value == 0 else f"10{int(value) & 0xFFFF:016b}" for value in row)
        text += "0" * (-len(text) % 16)
        coded.append(int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:])
    body = struct.pack("<HHBB", 2500, 2000, 0, 0) + b"".join(struct.pack("<H", len(data)) for data in coded)
    record = read(tmp_path, scp(SIGNAL, bodies={2: table, 6: body + b"".join(coded)}))
    np.testing.assert_allclose(record.signal, SIGNAL * 2.5e-3, atol=1e-6)


@pytest.mark.parametrize(("multiplier", "millivolts"), [(1000, 1e-3), (4880, 4.88e-3), (5000, 5e-3)])
def test_the_multiplier_is_in_nanovolts(tmp_path, multiplier, millivolts):
    np.testing.assert_allclose(
        read(tmp_path, scp(SIGNAL, multiplier=multiplier)).signal, SIGNAL * millivolts, atol=2e-6
    )


@pytest.mark.parametrize(("interval", "rate"), [(1000, 1000), (2000, 500), (3906, 256), (1667, 600), (30000, 100 / 3)])
def test_the_rate_follows_from_the_interval_in_microseconds(tmp_path, interval, rate):
    assert read(tmp_path, scp(SIGNAL, interval=interval)).rate == pytest.approx(rate, rel=1e-9)


def test_leads_recorded_one_after_the_other_keep_their_place(tmp_path):
    signal = SIGNAL[:, :200]
    ranges = [(1, 200)] * 6 + [(201, 400)] * 6
    with pytest.warns(UserWarning, match="leads must be recorded at the same time"):
        record = read(tmp_path, scp(signal, ranges=ranges))
    expected = np.full((12, 400), np.nan)
    expected[:6, :200], expected[6:, 200:] = signal[:6], signal[6:]
    np.testing.assert_allclose(record.signal, expected * 2.5e-3, atol=1e-6)


def test_what_the_file_says_of_patient_and_recording(tmp_path):
    meta = read(tmp_path, scp(SIGNAL)).meta
    assert (meta["age"], meta["sex"], meta["started"]) == (50.5, "female", "2010-07-02T09:08:07")


def test_statements_are_kept_as_text(tmp_path):
    texts = [b"Sinus rhythm\0", b"Normal ECG\0"]
    body = bytes([0]) + struct.pack("<HBB3B", 2010, 7, 2, 9, 8, 7) + bytes([2])
    body += b"".join(struct.pack("<BH", i + 1, len(text)) + text for i, text in enumerate(texts))
    assert read(tmp_path, scp(SIGNAL, bodies={8: body})).meta["statements"] == ("Sinus rhythm", "Normal ECG")


def test_a_wrong_checksum_is_noted_and_read(tmp_path):
    content = bytearray(scp(SIGNAL))
    content[-1000] ^= 1
    with pytest.warns(UserWarning, match="CRC mismatch in: record, Section 6"):
        assert read(tmp_path, bytes(content)).signal.shape == (12, 600)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"multiplier": 0}, "amplitudes must have a multiplier other than 0"),
        ({"interval": 0}, "decodable, got .*sample interval is 0"),
        ({"order": 1, "flag": 1}, "decodable, got .*bimodal compression"),
        ({"names": (*LEADS[:11], "V5")}, "each lead must be defined once, got codes"),
        (
            {"ranges": [(1, 2**31)] * 12},
            r"samples must be at least 1 and fit section 6 \(\d+ bytes\), got 1 to 2147483648",
        ),
        ({"ranges": [(0, 599)] * 12}, "samples must be at least 1"),
        ({"ranges": [(9, 8)] * 12}, "samples must be at least 1"),
        ({"ranges": [(1, 700)] * 12}, "decodable, got .*holds 600 samples, expected 700"),
        ({"ranges": [(2**31, 2**31 + 599)] + [(1, 600)] * 11}, "leads must follow each other, got gaps"),
        ({"huffman": True, "ranges": [(1, 5000)] * 12}, "decodable, got .*(Huffman data ends|invalid Huffman)"),
        ({"bodies": {3: b"\x21\x04" + 33 * b"\1\0\0\0\2\0\0\0\0"}}, "a recording must have at most 32 leads, got 33"),
        ({"bodies": {3: None}}, "must have whole sections 3 and 6"),
        ({"bodies": {6: None}}, "must have whole sections 3 and 6"),
        ({"bodies": {6: None, 12: b"x" * 99}}, "must have whole sections 3 and 6"),
        ({"bodies": {3: b"\xff\x04"}}, "must have whole sections 3 and 6"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(tmp_path, changed, message):
    with pytest.raises(ValueError, match=rf"{message}.*a\.bin"):
        read(tmp_path, scp(SIGNAL, **changed))


def test_thinned_rhythm_data_are_refused_by_name(tmp_path):
    beats = np.zeros((12, 80), int)
    thinned = scp_leads(SIGNAL, 0, False, 2500, 4000, flag=1)
    content = scp(SIGNAL, beat=(beats, 31, [60]), bodies={6: thinned})
    with pytest.raises(ValueError, match=r"bimodal compression \(decimated rhythm data\) is not supported.*a\.bin"):
        read(tmp_path, content)


@pytest.mark.parametrize("kept", [30, 100, 400, 3000, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    with pytest.raises(ValueError, match=r"a\.bin"):
        read(tmp_path, scp(SIGNAL)[:kept])


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    from fairseq_signals.data.readers import scp as module

    monkeypatch.setattr(module, "LARGEST_FILE", 1000)
    with pytest.raises(ValueError, match=r"at most 1000 bytes, got \d+ \(.*a\.bin\)"):
        read(tmp_path, scp(SIGNAL))


def test_channels_that_are_no_leads_are_dropped_and_noted(tmp_path):
    body = bytearray(scp(SIGNAL))
    assert recognises(None, bytes(body[:512])) and not recognises(None, bytes(body[6:512]))
    with pytest.warns(UserWarning, match="channels must be known leads, got Unspecified: dropped"):
        record = read(tmp_path, scp(SIGNAL, bodies={3: _unspecified(body)}))
    assert "V6" not in record.leads


def _unspecified(content):
    leads = b"".join(struct.pack("<IIB", 1, 600, code) for code in (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 0))
    return struct.pack("<BB", 12, 4) + leads


def test_what_the_caller_states_must_agree(tmp_path):
    for passed, message in (({"unit": "mV"}, "unit must agree"), ({"rate": 250}, "rate must agree"), ({"leads": EIGHT}, "leads must agree")):  # fmt: skip  # noqa: E501
        with pytest.raises(ValueError, match=message):
            read(tmp_path, scp(SIGNAL), **passed)
    assert read(tmp_path, scp(SIGNAL), unit="uV", rate=500, leads=LEADS).rate == 500


def test_a_patients_name_with_a_wrong_length_does_not_hide_the_rhythm(tmp_path):
    body = scp_tag(0, b"Doe\0") + SCP_PATIENT
    assert read(tmp_path, scp(SIGNAL, bodies={1: body})).patient == "P3"
