"""Descriptors of manifests against recordings read and cut one by one."""

import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter, Store
from fairseq_signals.evaluation.ecg_descriptors import DESCRIPTORS, SILENCE
from fairseq_signals.evaluation.window_descriptors import describe_recordings


def millivolts(manifest, row):
    shard, place = row.stored
    return Store(manifest.folder / "store").millivolts(shard, place, row.start, row.start + row.length)


@pytest.mark.parametrize(("leads", "workers"), [(STANDARD_LEADS, 1), (("I", "II", "V2"), 2)])
def test_a_recordings_vector_is_the_mean_over_its_five_second_tiles(ecg_data, leads, workers):
    described = describe_recordings([ecg_data / "test.tsv"], "lead_covariance", leads, 5.0, workers)
    manifest = Manifest(ecg_data / "test.tsv")
    assert described.ids.tolist() == manifest.column("id") and described.patients.tolist() == manifest.column("patient")
    for vector, row in zip(described.vectors, (manifest[place] for place in range(len(manifest))), strict=True):
        signal = np.stack(
            [lead * (name in leads) for name, lead in zip(row.leads, millivolts(manifest, row), strict=True)]
        )
        halves = [signal[:, :500], signal[:, 500:1000]]
        expected = np.mean([DESCRIPTORS["lead_covariance"](half, 100.0) for half in halves], axis=0)
        assert vector == pytest.approx(expected, abs=1e-9)
    assert described.n_windows == 2 * len(manifest) and described.n_silent_windows == 0


def test_several_manifests_follow_one_another(ecg_data):
    paths = [ecg_data / "gallery.tsv", ecg_data / "probe.tsv"]
    both = describe_recordings(paths, "log_spectrum")
    parts = [describe_recordings([path], "log_spectrum") for path in paths]
    assert both.vectors == pytest.approx(np.concatenate([part.vectors for part in parts]))
    assert both.patients.tolist() == [name for part in parts for name in part.patients]


@pytest.fixture
def odd_data(tmp_path):
    """A recording of 1.4 s, one in which nothing moves, and one with a silent half."""
    random = np.random.default_rng(1)
    signals = [random.normal(size=(12, 140)), np.full((12, 500), 0.7), random.normal(size=(12, 1000))]
    signals[2][:, 500:] = 0
    (tmp_path / "store").mkdir()
    with ShardWriter(tmp_path / "store", "shard-0") as shard:
        for signal in signals:
            shard.add(signal.astype(np.float32))
    rows = [
        Row(f"r{n}", f"shard-0:{n}", 0, signal.shape[1], 100.0, STANDARD_LEADS, f"p{n}", (), ())
        for n, signal in enumerate(signals)
    ]
    write_manifest(tmp_path / "test.tsv", rows)
    return tmp_path, [np.rint(signal * 1000) / 1000 for signal in signals]


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_padding_is_not_described_and_silence_is_counted(odd_data, name):
    folder, signals = odd_data
    described = describe_recordings([folder / "test.tsv"], name)
    assert described.n_windows == 4 and described.n_silent_windows == 2
    assert described.vectors[0] == pytest.approx(DESCRIPTORS[name](signals[0], 100.0), abs=1e-5)
    assert (described.vectors[1] == SILENCE).all()
    half = DESCRIPTORS[name](signals[2][:, :500], 100.0)
    assert described.vectors[2] == pytest.approx(half / 2, abs=1e-5)  # silence adds next to nothing to a mean


def test_unknown_names_and_no_worker_are_refused(ecg_data):
    with pytest.raises(ValueError, match=f"descriptor must be one of {', '.join(DESCRIPTORS)}, got 'x'"):
        describe_recordings([ecg_data / "test.tsv"], "x")
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        describe_recordings([ecg_data / "test.tsv"], "median_beat", workers=0)


def test_a_manifest_without_rows_is_refused(tmp_path):
    write_manifest(tmp_path / "test.tsv", [])
    with pytest.raises(ValueError, match="manifest must have at least one row, got none"):
        describe_recordings([tmp_path / "test.tsv"], "median_beat")
