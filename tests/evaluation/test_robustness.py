"""Scores with noise: what models are shown, and the scores against scikit-learn's, on a small prepared data set."""

import csv

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.stored_record import record_of_row
from fairseq_signals.evaluation import robustness as module
from fairseq_signals.evaluation.noise_levels import noise_of
from fairseq_signals.evaluation.robustness import NoisyScores, robustness, score_with_noise, write_robustness

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


def _table(runs=3, recordings=80, seed=0):
    """Labels of which the last is rare, and scores that lose their sense with the level."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(size=(recordings, 4)) < [0.5, 0.3, 0.15, 0.0]
    labels[:2, 3] = True
    known = rng.uniform(size=labels.shape) < 0.9
    known[:2, 3] = True
    scores = {
        (name, level): [labels + (level + 0.5) * rng.normal(size=labels.shape) for _ in range(count)]
        for name, count in (("trained", runs), ("single", 1))
        for level in LEVELS
    }
    powers = {level: np.full(recordings, level / 10) for level in LEVELS}
    return labels, known, NoisyScores(scores, np.ones(recordings), powers)


def test_scores_are_scikit_learns_over_the_labels_with_enough_positives():
    labels, known, noisy_scores = _table()
    rows = robustness(labels, known, noisy_scores, (1, 5, 20))
    assert [(row.model, row.level, row.min_positives) for row in rows] == [
        (name, level, enough) for name in ("trained", "single") for level in LEVELS for enough in (1, 5, 20)
    ]
    for row in rows:
        chosen = [c for c in range(4) if (labels[:, c] & known[:, c]).sum() >= row.min_positives]
        expected = [
            np.mean([roc_auc_score(labels[known[:, c], c], scores[known[:, c], c]) for c in chosen])
            for scores in noisy_scores.scores[row.model, row.level]
        ]
        assert row.n_labels == len(chosen) and row.n_recordings == len(labels)
        assert row.runs == pytest.approx(expected) and row.macro_auc == pytest.approx(np.mean(expected))
        if row.model == "trained":
            assert row.deviation == pytest.approx(np.std(expected, ddof=1))
        else:
            assert np.isnan(row.deviation)
    by_level = [row.macro_auc for row in rows if row.model == "trained" and row.min_positives == 5]
    assert by_level[0] > max(by_level[1:])
    assert {row.min_positives: row.n_labels for row in rows} == {1: 4, 5: 3, 20: 2}
    assert next(row.snr_db for row in rows if row.level == 5) == pytest.approx(10 * np.log10(2))


def test_where_no_label_has_enough_positives_there_is_no_score():
    row = robustness(*_table(), positives=(1000,))[0]
    assert row.n_labels == 0 and np.isnan(row.macro_auc) and np.isnan(row.deviation)


def test_the_table_says_what_was_scored(tmp_path):
    rows = robustness(*_table(), positives=(1, 5))
    write_robustness(tmp_path / "new" / "robustness.tsv", rows)
    with open(tmp_path / "new" / "robustness.tsv", newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    assert len(found) == len(rows)
    for line, row in zip(found, rows, strict=True):
        assert (line["model"], int(line["level"]), int(line["min_positives"])) == (
            row.model,
            row.level,
            row.min_positives,
        )
        assert float(line["macro_auc"]) == pytest.approx(row.macro_auc, abs=1e-5)
        assert float(line["deviation"]) == pytest.approx(row.deviation, abs=1e-5, nan_ok=True)
        assert [float(value) for value in line["runs"].split(",")] == pytest.approx(row.runs, abs=1e-5)
    assert found[0]["snr_db"] == "inf"


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


def test_tables_that_do_not_fit_and_no_positives_are_refused():
    labels, known, noisy_scores = _table()
    with pytest.raises(ValueError, match=r"scores of trained must be shaped like the labels \(80, 3\), got \(80, 4\)"):
        robustness(labels[:, :3], known[:, :3], noisy_scores)
    for positives in ((), (0, 5)):
        with pytest.raises(ValueError, match="positives that a label needs must be 1 or more, got"):
            robustness(labels, known, noisy_scores, positives)
