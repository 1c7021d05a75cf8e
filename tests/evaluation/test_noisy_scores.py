"""What models are shown, and how loud the noise was, on a small prepared data set."""

import numpy as np
import pytest

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.stored_record import record_of_row
from fairseq_signals.evaluation import noisy_scores as module
from fairseq_signals.evaluation.noise_levels import noise_of
from fairseq_signals.evaluation.noisy_scores import NoisyScores, score_with_noise

LEVELS = (0, 2, 5)


@pytest.fixture(scope="module")
def manifest(ecg_data):
    return Manifest(ecg_data / "test.tsv")


class Loudness:
    """A model with three scores that follow from the signal, which keeps what it was shown."""

    def __init__(self):
        self.shown = []

    def __call__(self, records):
        self.shown += [(record.id, record.signal) for record in records]
        return np.array([[np.abs(x.signal).mean(), x.signal[1].max(), x.signal[6].std()] for x in records])


@pytest.mark.parametrize("at_once", [256, 3])
def test_every_run_is_shown_every_recording_with_the_same_noise(manifest, at_once, monkeypatch):
    monkeypatch.setattr(module, "RECORDINGS_AT_ONCE", at_once)
    runs = {"one": [Loudness(), Loudness()], "other": [Loudness()]}
    found = score_with_noise(manifest, runs, LEVELS)
    records = [record_of_row(manifest, manifest[place]) for place in range(len(manifest))]
    for model in (model for models in runs.values() for model in models):
        shown = {}
        for name, signal in model.shown:
            shown.setdefault(name, []).append(signal)  # in the order of the levels
        assert list(shown) == [record.id for record in records]
        for record in records:
            for signal, level in zip(shown[record.id], LEVELS, strict=True):
                np.testing.assert_array_equal(signal, record.signal + noise_of(record, level))
    for level in LEVELS:
        expected = Loudness()([module.noisy(record, noise_of(record, level)) for record in records])
        for name in runs:
            assert all(np.array_equal(scores, expected) for scores in found.scores[name, level])


def test_the_noise_follows_the_seed(manifest):
    first, again, other = (
        score_with_noise(manifest, {"a": [Loudness()]}, (1,), seed).scores["a", 1][0] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_snr_is_the_mean_of_the_recordings_and_of_their_powers(manifest):
    found = score_with_noise(manifest, {"a": [Loudness()]}, (0, 4))
    records = [record_of_row(manifest, manifest[place]) for place in range(len(manifest))]
    signal = np.array([np.mean(record.signal.astype(float) ** 2) for record in records])
    noise = np.array([np.mean(noise_of(record, 4).astype(float) ** 2) for record in records])
    assert found.snr_db(4)[0] == pytest.approx(np.mean(10 * np.log10(signal / noise)))
    assert found.snr_db(4)[1] == pytest.approx(10 * np.log10(signal.sum() / noise.sum()))
    assert found.snr_db(0) == (np.inf, np.inf)


def test_silent_recordings_have_no_part_in_the_snr():
    found = NoisyScores({}, np.array([0.0, 1.0, 4.0]), {1: np.array([1.0, 0.1, 0.04])})
    assert found.snr_db(1)[0] == pytest.approx((10 + 20) / 2)


@pytest.mark.parametrize(
    "models, levels, message",
    [
        ({}, (0,), "robustness must be of at least one recording, a run of each model, and different levels, got"),
        ({"a": []}, (0,), r"robustness must be of .*runs \[0\]"),
        ({"a": [Loudness()]}, (1, 1), r"robustness must be of .*levels \[1, 1\]"),
        ({"a": [Loudness()]}, (), r"robustness must be of .*levels \[\]"),
        ({"a": [Loudness()]}, (9,), "level of noise must be one of 0, 1, 2, 3, 4, 5, 6, got 9"),
        ({"a": [lambda records: np.zeros((1, 3))]}, (0,), "scores of a must be one row for each of .*, got 1"),
        ({"a": [lambda records: np.full((len(records), 3), np.nan)]}, (0,), "scores of a must be finite"),
    ],
)
def test_what_cannot_be_scored_is_refused(manifest, models, levels, message):
    with pytest.raises(ValueError, match=message):
        score_with_noise(manifest, models, levels)
