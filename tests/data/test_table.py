"""The table against the manifest's rows and the store, one by one."""

import dataclasses
import pickle

import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter, Store
from fairseq_signals.data.table import STORE_FOLDER, RecordingTable

RATE = 100.0
LAYOUTS = [STANDARD_LEADS, ("I", "II"), ("V2",), ("I", "V6")]


def _store(folder, shards=5, seed=0):
    """Recordings of all lengths, leads and units, as rows in mixed order."""
    generator, rows = np.random.default_rng(seed), []
    (folder / STORE_FOLDER).mkdir(parents=True)
    for shard in range(shards):
        with ShardWriter(folder / STORE_FOLDER, f"part-{shard}") as writer:
            for _ in range(int(generator.integers(1, 9))):
                leads, length = LAYOUTS[int(generator.integers(4))], int(generator.integers(5, 60))
                place = writer.add(generator.normal(0, 10 ** generator.uniform(-1, 2), (len(leads), length)))
                start = int(generator.integers(0, length - 2))
                stretch = int(generator.integers(1, length - start + 1))
                patient = f"p{generator.integers(0, 6)}"
                rows.append(Row(f"{seed}-{len(rows)}", f"part-{shard}:{place}", start, stretch, RATE, leads, patient))
    return [rows[place] for place in generator.permutation(len(rows))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three folders with stores of their own, whose shards have the same names."""
    folders = [tmp_path_factory.mktemp(f"data{seed}") for seed in range(3)]
    return [
        (folder, write_manifest(folder / "m.tsv", _store(folder, seed=seed))) for seed, folder in enumerate(folders)
    ]


@pytest.mark.parametrize("number", [1, 3])
def test_rows_are_those_of_manifest_and_store(folders, number):
    manifests = [Manifest(folder / "m.tsv") for folder, _ in folders[:number]]
    table = RecordingTable(manifests, RATE)
    table = pickle.loads(pickle.dumps(table))
    rows = [(manifest.folder, row) for manifest in manifests for row in manifest]
    assert len(table) == len(rows) == sum(count for _, count in folders[:number])
    assert table.ids == [row.id for _, row in rows]
    assert [table.patient_ids[place] for place in table.patients] == [row.patient for _, row in rows]
    assert table.patient_ids == list(dict.fromkeys(row.patient for _, row in rows))
    assert table.lengths.dtype == np.int64 and table.lengths.tolist() == [row.length for _, row in rows]
    assert sorted(table.layouts) == sorted({row.leads for _, row in rows})
    order = np.random.default_rng(0).permutation(len(rows))
    stretches = table.stretches(order, np.zeros(len(order), np.int64), table.lengths[order])
    for place, (samples, nanovolts) in zip(order.tolist(), stretches, strict=True):
        folder, row = rows[place]
        store, (shard, number) = Store(folder / STORE_FOLDER), row.stored
        assert np.array_equal(samples, store.read(shard, number, row.start, row.start + row.length))
        assert nanovolts == table.nanovolts[place] == store.entry(shard, number).nanovolts
        assert table.leads(place) == row.leads


def test_a_manifest_without_rows_adds_nothing_to_others(folders, tmp_path):
    write_manifest(tmp_path / "m.tsv", [])
    full = Manifest(folders[0][0] / "m.tsv")
    table = RecordingTable([Manifest(tmp_path / "m.tsv"), full, Manifest(tmp_path / "m.tsv")], RATE)
    assert table.ids == full.column("id") and table.patient_ids == full.distinct("patient")[0]
    assert table.lengths.tolist() == [row.length for row in full] and (table.weights() == 1).all()
    for manifests in ([], [Manifest(tmp_path / "m.tsv")]):
        with pytest.raises(ValueError, match="manifest must have at least one row, got none"):
            RecordingTable(manifests, RATE)


FAULTS = [
    ({"rate": 50.0}, "rate must be 100 Hz"),
    ({"ecg": "gone.hea"}, "ecg must be a file, got none at"),
    ({"ecg": "part-9:0"}, "shard must have the files part-9.npy"),
    ({"ecg": "part-0:999"}, "row must be 0 to"),
    ({"length": 10**17}, "recording must lie within its"),
    ({"leads": ("V5",)}, "recording must lie within its 12 packed leads"),
    ({"patient": "\u00a0"}, "patient must be given"),
    ({"ecg": "../x"}, "ecg must be a path inside"),
]


@pytest.mark.parametrize("seed", range(len(FAULTS)))
def test_of_several_wrong_rows_the_first_is_named(tmp_path, seed):
    generator = np.random.default_rng(seed)
    rows = _store(tmp_path)
    rows = [row for row in rows if row.leads == STANDARD_LEADS] * 3
    places = np.sort(generator.choice(len(rows), 4, replace=False))
    faults = [FAULTS[seed], *(FAULTS[place] for place in generator.choice(len(FAULTS), 3))]
    lines = ["id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels"]
    for place, row in enumerate(rows):
        if place in places:
            row = dataclasses.replace(row, **faults[int(np.searchsorted(places, place))][0])
        leads = ",".join(row.leads)
        lines.append(f"r{place}\t{row.ecg}\t{row.start}\t{row.length}\t{row.rate}\t{leads}\t{row.patient}\t")
    (tmp_path / "m.tsv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match=rf"{faults[0][1]}.*m\.tsv, line {places[0] + 2}[,)]"):
        RecordingTable([Manifest(tmp_path / "m.tsv")], RATE)


def test_without_a_store_the_first_packed_row_is_named(tmp_path):
    (tmp_path / "file.npy").touch()
    rows = [Row(name, ecg, 0, 9, RATE, ("I",), "p") for name, ecg in (("a", "file.npy"), ("b", "s:0"))]
    write_manifest(tmp_path / "m.tsv", rows)
    with pytest.raises(FileNotFoundError, match=r"store must be a folder .*\(record b, .*m\.tsv, line 3\)"):
        RecordingTable([Manifest(tmp_path / "m.tsv")], RATE)


def test_what_travels_to_a_worker_is_small(tmp_path):
    """Below 60 bytes a row, whatever the length of ids, patients and paths."""
    (tmp_path / STORE_FOLDER).mkdir()
    with ShardWriter(tmp_path / STORE_FOLDER, "s" * 50) as writer:
        for _ in range(100):
            writer.add(np.zeros((1, 3)))
    rows = (Row(f"{n:0100d}", f"{'s' * 50}:{n % 100}", 0, 3, RATE, ("I",), f"{n:0200d}") for n in range(5000))
    write_manifest(tmp_path / "m.tsv", rows)
    sent = pickle.dumps(RecordingTable([Manifest(tmp_path / "m.tsv")], RATE))
    assert len(sent) < 60 * 5000
    assert pickle.loads(sent).ids[4321] == f"{4321:0100d}"


def _weighted(folder, weights, name="w.tsv"):
    pairs = zip(_store(folder), weights, strict=False)
    rows = [dataclasses.replace(row, extra={"sampling_weight": weight}) for row, weight in pairs]
    write_manifest(folder / name, rows, ["sampling_weight"])
    return Manifest(folder / name)


def test_weights_are_read_and_1_where_none_is_given(folders, tmp_path):
    weighted = _weighted(tmp_path, ["", "2", "0", "1e-3", "007"])
    plain = Manifest(folders[1][0] / "m.tsv")
    assert [row.weight for row in weighted] == [1, 2, 0, 1e-3, 7]
    weights = RecordingTable([plain, weighted], RATE).weights()
    assert weights.dtype == np.float64 and weights.tolist() == [1] * len(plain) + [1, 2, 0, 1e-3, 7]


@pytest.mark.parametrize("cell", ["-1", "nan", "inf", "heavy", "82 kg"])
def test_a_bad_weight_is_refused_with_file_line_and_column(tmp_path, cell):
    manifest = _weighted(tmp_path, ["1", "2", cell, "x"])
    with pytest.raises(
        ValueError, match=rf"weight must be a number .* got '{cell}' \(.*w\.tsv, line 4, column sampling_weight\)"
    ):
        RecordingTable([manifest], RATE)


def test_weights_of_0_everywhere_are_refused(tmp_path):
    manifest = _weighted(tmp_path, ["0", "0.0", "0"])
    table = RecordingTable([manifest], RATE)
    with pytest.raises(ValueError, match=r"weight must be above 0 in one row .*\(.*w\.tsv, column sampling_weight\)"):
        table.weights()
