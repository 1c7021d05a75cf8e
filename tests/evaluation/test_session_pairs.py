"""Simulated sessions of manifests against halves that are cut one by one."""

import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter, Store
from fairseq_signals.evaluation import session_pairs
from fairseq_signals.evaluation.ecg_descriptors import DESCRIPTORS
from fairseq_signals.evaluation.session_pairs import ANOTHER_SESSION, describe_sessions


def halves(path, leads=STANDARD_LEADS):
    manifest = Manifest(path)
    for row in (manifest[place] for place in range(len(manifest))):
        shard, place = row.stored
        signal = Store(manifest.folder / "store").millivolts(shard, place, row.start, row.start + row.length)
        signal = np.where(np.isin(STANDARD_LEADS, leads)[:, None], signal, 0)
        yield signal[:, :500], signal[:, 500:1000]


@pytest.mark.parametrize("leads", [STANDARD_LEADS, ("I", "II")])
def test_without_changes_the_pairs_are_the_halves_of_the_recordings(ecg_data, leads):
    first, second = describe_sessions(ecg_data / "train.tsv", "rate_corrected_beat", leads, transforms=())
    expected = [
        [DESCRIPTORS["rate_corrected_beat"](half, 100.0) for half in pair]
        for pair in halves(ecg_data / "train.tsv", leads)
    ]
    assert first == pytest.approx(np.array([pair[0] for pair in expected]), abs=1e-9)
    assert second == pytest.approx(np.array([pair[1] for pair in expected]), abs=1e-9)


def test_another_session_differs_more_than_another_half_and_less_than_another_person(ecg_data):
    def cosines(one, other):
        return (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)

    still = describe_sessions(ecg_data / "train.tsv", "median_beat", transforms=())
    moved = describe_sessions(ecg_data / "train.tsv", "median_beat")
    strangers = cosines(still[0], np.roll(still[0], 3, axis=0)).mean()
    assert cosines(*still).mean() > cosines(*moved).mean() + 0.005 > strangers + 0.1


def test_draws_depend_on_the_seed_alone(ecg_data, monkeypatch):
    monkeypatch.setattr(session_pairs, "_WINDOWS_AT_ONCE", 8)
    one, two = (describe_sessions(ecg_data / "valid.tsv", "lead_covariance", workers=n) for n in (1, 2))
    other = describe_sessions(ecg_data / "valid.tsv", "lead_covariance", seed=2)
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_halves_without_signal_are_left_out_before_noise_is_added(tmp_path):
    random = np.random.default_rng(1)
    signals = [random.normal(size=(12, 1000)).astype(np.float32) for _ in range(3)]
    signals[1][:, :500] = 0.3
    (tmp_path / "store").mkdir()
    with ShardWriter(tmp_path / "store", "shard-0") as shard:
        for signal in signals:
            shard.add(signal)
    rows = [Row(f"r{n}", f"shard-0:{n}", 0, 1000, 100.0, STANDARD_LEADS, f"p{n}", (), ()) for n in range(len(signals))]
    write_manifest(tmp_path / "train.tsv", rows)
    assert [len(side) for side in describe_sessions(tmp_path / "train.tsv", "lead_covariance")] == [2, 2]
    write_manifest(tmp_path / "none.tsv", rows[1:2])
    with pytest.raises(ValueError, match="must hold signal in both halves, got none that do"):
        describe_sessions(tmp_path / "none.tsv", "lead_covariance")


def test_another_session_turns_the_heart_and_moves_electrodes():
    names = [spec["_name"] for spec in ANOTHER_SESSION]
    assert names == ["vcg", "electrode_shift", "baseline_wander", "emg"]
