"""Rows as records; the truth is the shard's bytes, read with NumPy alone."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter
from fairseq_signals.data.stored_record import place_of_id, record_of_row


def made(folder: Path, rows):
    write_manifest(folder / "train.tsv", rows, ("age", "sex"))
    return Manifest(folder / "train.tsv")


def row(id, ecg, length, leads=STANDARD_LEADS, start=0, rate=100.0, **more):
    return Row(id, ecg, start, length, rate, leads, f"p{id}", extra={"age": "63", "sex": "female"}, **more)


@pytest.fixture
def signals(tmp_path):
    """Three recordings in one shard: two of 12 leads, one of 2, the second too large for 1 µV steps."""
    generator = np.random.default_rng(3)
    shapes = [(12, 300), (12, 200), (2, 250)]
    signals = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    signals[1] *= 30
    (tmp_path / "store").mkdir()
    with ShardWriter(tmp_path / "store", "shard-00000") as writer:
        for signal in signals:
            writer.add(signal)
    return signals


def test_a_packed_row_is_the_shard_in_millivolts(tmp_path, signals):
    rows = [
        row("a", "shard-00000:0", 100, start=50, labels=("AF", "SR"), unknown=("X",)),
        row("b", "shard-00000:1", 200),
        row("c", "shard-00000:2", 250, leads=("I", "II"), unlabelled=True),
    ]
    manifest = made(tmp_path, rows)
    data = np.fromfile(tmp_path / "store" / "shard-00000.i16", "<i2")
    units = np.load(tmp_path / "store" / "shard-00000.npy")["nanovolts"]
    begin, spans = 0, [(50, 150), (0, 200), (0, 250)]
    for place, (signal, (start, stop)) in enumerate(zip(signals, spans, strict=True)):
        record = record_of_row(manifest, manifest[place])
        integers = data[begin : begin + signal.size].reshape(signal.shape)[:, start:stop]
        begin += signal.size
        np.testing.assert_allclose(record.signal, integers * (units[place] / 1e6), rtol=1e-6)
        assert np.abs(record.signal - signal[:, start:stop]).max() <= units[place] / 2e6 * 1.001
        assert (record.id, record.patient, record.leads) == (rows[place].id, rows[place].patient, rows[place].leads)
        assert record.meta["age"] == "63" and record.meta["sex"] == "female" and record.rate == 100
    assert units[1] > units[0] == 1000
    first, last = record_of_row(manifest, manifest[0]), record_of_row(manifest, manifest[2])
    assert first.labels == ("AF", "SR") and first.meta["unknown"] == ("X",) and not first.meta["unlabelled"]
    assert last.meta["unlabelled"]


def test_a_file_is_read_and_cut(tmp_path):
    signal = (np.arange(12)[:, None] * 0.1 + np.arange(400)[None] * 1e-3).astype(np.float32)
    facts = {"units": ["mV"] * 12, "sig_name": list(STANDARD_LEADS), "fmt": ["16"] * 12}
    scale = {"adc_gain": [1000.0] * 12, "baseline": [0] * 12}
    wfdb.wrsamp("r1", 100, p_signal=signal.T.astype(float), write_dir=str(tmp_path), **facts, **scale)
    manifest = made(
        tmp_path, [row("a", "r1.hea", 120, start=30), row("b", "r1.hea", 500), row("c", "r1.hea", 9, rate=50.0)]
    )
    record = record_of_row(manifest, manifest[0])
    np.testing.assert_allclose(record.signal, signal[:, 30:150], atol=1e-3)
    with pytest.raises(ValueError, match=r"12 leads of at least 500 samples.*got 12 leads of 400 \(record b.*line 3"):
        record_of_row(manifest, manifest[1])
    with pytest.raises(ValueError, match=r"rate must be 50 Hz, as the row tells, got 100 \(record c"):
        record_of_row(manifest, manifest[2])


def test_what_is_not_there_is_named(tmp_path, signals):
    rows = [
        row("a", "gone.hea", 9),
        row("b", "shard-00000:7", 9),
        row("c", "shard-00000:2", 250),
        row("d", "shard-00000:2", 999),
    ]
    manifest = made(tmp_path, rows)
    with pytest.raises(FileNotFoundError, match=r"gone.*record a.*train\.tsv, line 2"):
        record_of_row(manifest, manifest[0])
    with pytest.raises(ValueError, match=r"row must be 0 to 2.*record b"):
        record_of_row(manifest, manifest[1])
    with pytest.raises(ValueError, match=r"must have 12 leads.*got 2 leads.*record c"):
        record_of_row(manifest, manifest[2])
    with pytest.raises(ValueError, match=r"samples must lie in 0 to 250.*record d"):
        record_of_row(manifest, manifest[3])


def test_rows_are_found_by_id(tmp_path):
    manifest = made(tmp_path, [row(name, "x.hea", 9) for name in "abc"])
    assert [place_of_id(manifest, name) for name in "cab"] == [2, 0, 1]
    with pytest.raises(ValueError, match=r"id must be one of the manifest's, got 'd' .*train\.tsv"):
        place_of_id(manifest, "d")
