"""Philips Sierra XML against the numbers that were put into it, compressed by the tests' own encoder."""

import numpy as np
import pytest

from tests.data.readers._philips_files import philips, remainders, xli
from tests.data.readers._vendor_signals import LEADS, read, steps

pytest.importorskip("defusedxml", reason="the extra vendors is not installed")
pytest.importorskip("ecgdatakit", reason="the extra vendors is not installed")
SIGNAL = steps()
ODD = SIGNAL + np.random.default_rng(1).integers(-3, 4, SIGNAL.shape)  # limb leads that do not add up exactly


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(("version", "encoding"), [("1.03", "utf-8"), ("1.04", "utf-16"), ("1.04.01", "utf-16")])
@pytest.mark.parametrize("signal", [SIGNAL, ODD, ODD[:, :599]])
def test_every_lead_is_rebuilt_exactly(tmp_path, compressed, version, encoding, signal):
    record = read(tmp_path, philips(signal, version, compressed, encoding=encoding))
    np.testing.assert_allclose(record.signal, signal * 5e-3, atol=1e-6)
    assert (record.leads, record.rate, record.patient) == (LEADS, 500.0, "P2")
    assert "derived" not in record.meta


def test_the_test_really_stores_remainders():
    stored = remainders(ODD)
    assert not np.array_equal(stored[2], ODD[2]) and all(np.abs(row).max() < 20 for row in stored[2:6])


def test_sharp_edges_and_a_full_table_survive_compression(tmp_path):
    signal = steps(3000, seed=4, largest=2000)
    signal[6:] = np.random.default_rng(2).integers(-3000, 3000, (6, 3000))  # second differences use all 16 bits
    np.testing.assert_allclose(read(tmp_path, philips(signal)).signal, signal * 5e-3, atol=1e-6)


def test_the_stated_resolution_is_used(tmp_path):
    content = philips(SIGNAL, resolution="2.5").replace("<resolution>5".encode("utf-16")[2:], "<resolution>2.5".encode("utf-16")[2:])  # fmt: skip  # noqa: E501
    np.testing.assert_allclose(read(tmp_path, content).signal, SIGNAL * 2.5e-3, atol=1e-6)


@pytest.mark.parametrize("noise", [0, 3])
def test_the_calibration_pulse_at_the_end_is_cut_off(tmp_path, noise):
    pulse = np.zeros((12, 200), int)
    pulse[:, 50:150] = 200  # 1 mV on every lead alike
    pulse += np.random.default_rng(0).integers(-noise, noise + 1, pulse.shape)  # as a mains filter leaves it
    record = read(tmp_path, philips(np.hstack([SIGNAL, pulse])))
    np.testing.assert_allclose(record.signal, SIGNAL * 5e-3, atol=1e-6)
    assert record.meta["calibration_s"] == 0.4


def test_what_the_file_says_of_patient_and_recording(tmp_path):
    meta = read(tmp_path, philips(SIGNAL)).meta
    expected = {"age": 59.5, "sex": "male", "started": "2010-07-02T15:19:22", "device": "Philips PageWriter"}
    assert {key: meta[key] for key in expected} == expected  # and not the cart's default age of 50
    assert meta["statements"] == ("SINUS RHYTHM", "RaVL & SV3 > 280")


def test_the_id_is_the_documents_uuid_or_the_files_name(tmp_path):
    assert read(tmp_path, philips(SIGNAL)).id == "ad4d3d80-d165-11dd-4823-0161c6aa0029"
    content = philips(SIGNAL, encoding="utf-8").replace(b"AD4D3D80-d165-11dd-4823-0161c6aa0029", b"ecg")
    assert read(tmp_path, content).id == "a"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": "1.05"}, "version of a Sierra XML must be one of 1.03, .* got '1.05'"),
        ({"resolution": 2.5}, r"resolution must be the same wherever it is stated, got \[2.5, 5.0\]"),
        ({"samplespersecond": 1000}, r"rate must be the same wherever it is stated, got \[500.0, 1000.0\]"),
        ({"signaloffset": 7}, "signaloffset must be 0, got 7"),
        ({"signalsigned": "False"}, "signalsigned must be True, got 'False'"),
        ({"bitspersample": 12}, "bits per sample must be 16, got '12'"),
        ({"dataencoding": "Plain"}, "dataencoding must be Base64, got 'Plain'"),
        ({"compression": "ZIP"}, "compression must be XLI or none, got 'ZIP'"),
        ({"durationperchannel": 1202}, "lead 1 must have 601 samples of 2 bytes, got 1200 bytes"),
        ({"durationperchannel": 1198}, "lead 1 must have 599 samples of 2 bytes, got more"),
        ({"durationperchannel": 2**40}, "samples of a lead must be 1 to"),
        ({"durationperchannel": "1e308"}, "samples of a lead must be 1 to"),
        ({"durationperchannel": 2**28}, "samples must be at most .* got 12 × 134217728 claimed"),
        ({"durationperchannel": 0}, "samples of a lead must be 1 to"),
        ({"numberofleads": 13}, r"number of leads must be 1 to 12 \(the labels\), got 13"),
        (
            {"labels": ("aVL", "I", "aVR", "II", "aVF", "III", *LEADS[6:])},
            "compressed leads must begin with I, II, III",
        ),
        ({"labels": LEADS[:8] + LEADS[6:10]}, "each lead must be named once"),
        ({"extra": "<parsedwaveforms/>"}, "a file must hold one parsedwaveforms, got 2"),
        ({"compressed": False, "durationperchannel": 1202}, "samples must be 12 leads of 601 samples of 2 bytes each"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(tmp_path, changed, message):
    with pytest.raises(ValueError, match=rf"{message}.*a\.bin"):
        read(tmp_path, philips(SIGNAL, **changed))


def test_a_missing_resolution_is_refused(tmp_path):
    content = philips(SIGNAL, encoding="utf-8", resolution=None).replace(b"<resolution>5</resolution>", b"")
    with pytest.raises(ValueError, match=r"resolution must be stated, got none \(.*a\.bin\)"):
        read(tmp_path, content)


def test_unlabelled_channels_of_another_type_need_names(tmp_path):
    content = philips(SIGNAL, "1.03", False, encoding="utf-8").replace(b"STD-12", b"EASI")
    with pytest.raises(ValueError, match="the file must label its leads or be of type STD-12 or 10-WIRE"):
        read(tmp_path, content)
    names = ["V6", *LEADS[:11]]
    record = read(tmp_path, content, leads=names)
    np.testing.assert_allclose(record.signal, SIGNAL[[*range(1, 12), 0]] * 5e-3, atol=1e-6)


def test_a_stream_that_unpacks_to_more_than_is_stated_is_cut_short(tmp_path, monkeypatch):
    from ecgdatakit.parsing.codecs import lzw

    taken = []
    original = lzw.LzwDecoder.read
    monkeypatch.setattr(lzw.LzwDecoder, "read", lambda self: taken.append(1) or original(self))
    bomb = philips(np.zeros((12, 50_000), int), durationperchannel=1200)
    assert len(bomb) < 50_000  # though it unpacks to more than a megabyte
    with pytest.raises(ValueError, match="lead 1 must have 600 samples of 2 bytes, got more"):
        read(tmp_path, bomb)
    assert len(taken) <= 2 * 600 + 1


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.95])
def test_a_truncated_stream_is_refused(tmp_path, kept):
    import base64

    stream = b"".join(xli(row) for row in remainders(SIGNAL))
    content = philips(SIGNAL, encoding="utf-8")
    begin, end = content.index(b">", content.index(b"<parsedwaveforms")) + 1, content.index(b"</parsedwaveforms>")
    cut = base64.b64encode(stream[: int(len(stream) * kept)])
    with pytest.raises(ValueError, match=r"samples must be of 12 leads, got \d+ whole ones \(.*a\.bin\)"):
        read(tmp_path, content[:begin] + cut + content[end:])
