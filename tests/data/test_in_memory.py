import numpy as np
import pytest

from fairseq_signals.data.in_memory import batches_of_records
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record


def record(leads, samples, rate=100.0, seed=0):
    signal = np.random.default_rng(seed).normal(size=(len(leads), samples)).astype(np.float32)
    return Record(signal, rate, tuple(leads), f"r{seed}")


def test_windows_hold_the_signal_to_half_a_microvolt_with_leads_in_their_places():
    records = [record(STANDARD_LEADS, 230, seed=1), record(("I", "V2"), 70, seed=2)]
    batches = list(batches_of_records(records, 100.0, window=100, stride=100, batch_size=2))
    assert [len(batch["recording"]) for batch in batches] == [2, 1]
    first, last = batches
    assert first["recording"].tolist() == [0, 0] and first["window"].tolist() == [0, 1]
    assert not first["padded"] and last["padded"] and last["lengths"].tolist() == [70]
    for window in (0, 1):
        millivolts = first["source"][window].double().numpy() * first["nanovolts"][window].item() * 1e-6
        expected = records[0].signal[:, 100 * window : 100 * window + 100]
        np.testing.assert_allclose(millivolts, expected, atol=0.000501)
    present = last["present"][0].numpy()
    assert [lead for lead, has in zip(STANDARD_LEADS, present, strict=True) if has] == ["I", "V2"]
    millivolts = last["source"][0].double().numpy() * last["nanovolts"][0].item() * 1e-6
    np.testing.assert_allclose(millivolts[[0, 7], :70], records[1].signal, atol=0.000501)
    assert not millivolts[~present].any() and not millivolts[:, 70:].any()


def test_another_rate_is_resampled():
    time = np.arange(1000) / 250
    signal = np.tile(np.sin(2 * np.pi * 5 * time), (12, 1)).astype(np.float32)
    (batch,) = batches_of_records([Record(signal, 250.0, STANDARD_LEADS, "sine")], 100.0, 400, 400, 8)
    expected = np.sin(2 * np.pi * 5 * np.arange(400) / 100)
    millivolts = batch["source"][0, 3].double().numpy() * batch["nanovolts"][0].item() * 1e-6
    np.testing.assert_allclose(millivolts[20:-20], expected[20:-20], atol=0.005)


@pytest.mark.parametrize("signal", [np.zeros((12, 0), np.float32), np.full((12, 5), np.nan, np.float32)])
def test_empty_or_not_finite_recordings_are_refused_by_name(signal):
    with pytest.raises(ValueError, match=r"finite and hold at least one sample.*record odd"):
        list(batches_of_records([Record(signal, 100.0, STANDARD_LEADS, "odd")], 100.0, 100, 100, 4))
