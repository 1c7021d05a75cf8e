"""The benchmark's simulated source: real records of many patients, prepared to the same bytes in every way."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wfdb

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    sys.path.insert(0, str(ROOT / "scripts"))
    from benchmarks.source import simulate

    folder = tmp_path_factory.mktemp("simulated")
    yield simulate(folder / "source", 12, 100)
    sys.path.remove(str(ROOT / "scripts"))


def test_simulated_records_are_whole_for_another_reader_and_all_different(source):
    seen = set()
    for header in sorted(source.rglob("*.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")), physical=False)
        signal = record.d_signal.astype(int)
        assert (record.fs, signal.shape, set(record.adc_gain)) == (100, (1000, 12), {1000.0})
        assert [total % 65536 for total in record.checksum] == list(signal.sum(axis=0) % 65536)
        one, two, three, right = signal[:, :4].T
        np.testing.assert_array_equal(three, two - one)
        np.testing.assert_array_equal(2 * right, -(one + two))
        seen.add(signal.tobytes())
    assert len(seen) == 12


@pytest.mark.slow
def test_the_same_digest_in_every_way_and_nothing_left_behind(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    (tmp_path / "temporary").mkdir()
    output = tmp_path / "table.tsv"
    command = [
        sys.executable,
        str(ROOT / "scripts" / "benchmark.py"),
        "--source",
        "40",
        "--source-rate",
        "100",
        "--folder",
    ]
    command += [str(tmp_path / "temporary"), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with open(output, newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    values = {line["what"]: float(line["value"]) for line in lines}
    assert values["source: different results"] == 1 and values["source: recordings"] == 40
    for way in ("1 worker", "2 workers", "Dask, 2 workers"):
        assert values[f"source: peak memory of the largest process, {way}"] > 20
        ratios = {line["to"]: float(line["ratio"]) for line in lines if line["what"] == f"source: prepared, {way}"}
        for rival, ratio in ratios.items():
            assert ratio == pytest.approx(values[f"source: prepared, {way}"] / values[rival], rel=0.01)
        assert set(ratios) == {"source: wfdb.rdrecord", "source: wfdb.rdrecord + .mat per 5 s"}
    assert list((tmp_path / "temporary").iterdir()) == []
