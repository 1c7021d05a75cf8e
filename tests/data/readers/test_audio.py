import json

import numpy as np
import pytest
import soundfile

from fairseq_signals.data.readers import read_record

LEADS = ["V1", "I", "II"]


def write(path, samples, subtype, rate=500, **sidecar):
    soundfile.write(path, samples, rate, subtype=subtype)
    if sidecar:
        path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


@pytest.mark.parametrize(
    ("ending", "bits"), [("wav", 8), ("wav", 16), ("wav", 24), ("wav", 32), ("flac", 8), ("flac", 16), ("flac", 24)]
)
def test_integer_samples_are_digital_values_over_the_gain(tmp_path, ending, bits):
    half = 2 ** (bits - 1)
    digital = np.random.default_rng(0).integers(-half, half, (300, 3))
    digital[:2] = [[-half], [half - 1]]
    subtype = "PCM_U8" if (ending, bits) == ("wav", 8) else f"PCM_{'S' if bits == 8 else ''}{bits}"
    top = (digital << (32 - bits)).astype(np.int32)  # soundfile takes the top bits of an int32
    path = write(tmp_path / f"a.{ending}", top, subtype, leads=LEADS, unit="uV", gain=[2, 4, 8], baseline=10)
    truth = (digital - 10) / [2, 4, 8] / 1000
    np.testing.assert_allclose(read_record(path).signal, truth.T[[1, 2, 0]], rtol=1e-6)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floating_point_samples_are_amplitudes_beyond_one_too(tmp_path, subtype):
    values = np.random.default_rng(0).normal(0, 3, (200_000, 3)).astype(np.float32)
    path = write(
        tmp_path / "a.wav", values, subtype, leads=LEADS, unit="mV", patient="p", labels=["1", "1", "2"], age=5
    )
    record = read_record(path)
    np.testing.assert_array_equal(record.signal, values.T[[1, 2, 0]])
    assert (record.rate, record.id, record.patient, record.labels) == (500.0, "a", "p", ("1", "2"))
    assert record.meta["age"] == 5


def test_integer_samples_without_a_gain_are_refused(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros((9, 1), np.int16), "PCM_16")
    with pytest.raises(ValueError, match=r"must come with their gain .*a\.wav"):
        read_record(path, leads=["I"], unit="mV")


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_truncated_file_is_refused(tmp_path, ending):
    noise = np.random.default_rng(0).integers(-999, 999, (5000, 3)).astype(np.int16)
    path = write(tmp_path / f"a.{ending}", noise, "PCM_16", leads=LEADS, unit="mV", gain=1)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ValueError, match=rf"audio file must .*a\.{ending}"):
        read_record(path)


def test_a_flac_file_that_claims_more_frames_than_it_holds_is_refused(tmp_path):
    path = write(tmp_path / "a.flac", np.zeros((500, 3), np.int16), "PCM_16", leads=LEADS, unit="mV", gain=1)
    raw = bytearray(path.read_bytes())
    assert int.from_bytes(raw[22:26], "big") == 500  # total samples, at the end of the STREAMINFO block
    raw[22:26] = (10**9).to_bytes(4, "big")
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"an audio file must .*a\.flac"):
        read_record(path)


def test_a_decoder_that_ends_early_without_an_error_does_not_shorten_a_recording(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", np.zeros((9, 3)), "FLOAT", leads=LEADS, unit="mV")
    monkeypatch.setattr(soundfile.SoundFile, "blocks", lambda *_, **__: iter([np.zeros((4, 3), np.float32)]))
    with pytest.raises(ValueError, match=r"must hold the 9 frames it claims, got 4 \(.*a\.wav\)"):
        read_record(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"got no leads and no unit \(.*a\.wav\)"),
        ({"leads": ["I"], "unit": "mV"}, "each channel must have a lead's name, got 3"),
        ({"leads": LEADS, "unit": "g"}, "unit must be V, mV or uV, got 'g'"),
        ({"leads": ["I", "II", "C1"], "unit": "mV"}, "got C1"),
        ({"leads": LEADS, "unit": "mV", "rate": 100}, "rate must be the same wherever it is stated, got 500 and 100"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path, settings, message):
    path = write(tmp_path / "a.wav", np.zeros((9, 3)), "FLOAT")
    with pytest.raises(ValueError, match=message):
        read_record(path, **settings)


def test_samples_stored_with_loss_are_refused(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros((9, 3)), "ULAW")
    with pytest.raises(ValueError, match=r"samples must be PCM_S8.*got ULAW \(.*a\.wav\)"):
        read_record(path, leads=LEADS, unit="mV")
