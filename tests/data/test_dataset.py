import dataclasses
import json
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fairseq_signals.data.dataset import WindowDataset, merge
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter

RATE = 100.0
SIX = STANDARD_LEADS[:6]
# Leads, samples in the store, first sample and samples of the row, patient, shard (None: a file of its own).
RECORDINGS = [
    (STANDARD_LEADS, 300, 0, 300, "p0", "a"),
    (STANDARD_LEADS, 517, 0, 517, "p1", "a"),
    (("I", "V2"), 260, 0, 260, "p0", "a"),
    (STANDARD_LEADS, 60, 0, 60, "p2", "b"),  # shorter than a window
    (SIX, 400, 90, 250, "p3", "b"),  # a stretch of what is stored
    (STANDARD_LEADS, 330, 0, 330, "p1", None),
    (("II", "V6"), 330, 20, 240, "p4", None),
]


def _signals(full_leads=False):
    """Recordings in whole microvolts, so that the store keeps them exactly; one has a peak beyond 32 mV."""
    generator = np.random.default_rng(0)
    signals = [generator.integers(-3000, 3000, (len(leads), n)) / 1000 for leads, n, *_ in RECORDINGS]
    signals[1][3, 7] = 65.534
    return [signal.astype(np.float32) for signal in signals]


def _write(folder, recordings=RECORDINGS, name="train.tsv"):
    signals, rows, places = _signals(), [], {}
    (folder / "store").mkdir(exist_ok=True)
    for shard in ("a", "b"):
        with ShardWriter(folder / "store", shard) as writer:
            for number, recording in enumerate(RECORDINGS):
                if recording[5] == shard:
                    places[number] = f"{shard}:{writer.add(signals[number])}"
    for number, (leads, _, start, length, patient, shard) in enumerate(RECORDINGS):
        if shard is None:
            places[number] = f"file{number}.npy"
            np.save(folder / places[number], signals[number])
            sidecar = {"rate": RATE, "leads": list(leads), "unit": "mV"}
            (folder / f"file{number}.json").write_text(json.dumps(sidecar))
        if recordings[number] is not None:
            rows.append(Row(f"r{number}", places[number], start, length, RATE, leads, patient))
    write_manifest(folder / name, rows)
    return folder / name


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("dataset"))


def _expected(number, start, window, leads):
    """Millivolts by plain slicing of the original signals."""
    names, _, first, length, _, _ = RECORDINGS[number]
    out, stop = np.zeros((len(leads), window), np.float32), min(start + window, length)
    for channel, lead in enumerate(leads):
        if lead in names:
            out[channel, : stop - start] = _signals()[number][names.index(lead), first + start : first + stop]
    return out, stop - start


def _plain_starts(length, window, stride):
    starts = [0]
    while starts[-1] + stride + window <= length:
        starts.append(starts[-1] + stride)
    rest = length - starts[-1] - window
    return [*starts, length - window] if rest > 0 and 2 * rest >= stride else starts


def _millivolts(batch):
    return batch["source"].double() * batch["nanovolts"].double()[:, None, None] * 1e-6


@pytest.mark.parametrize("leads", ["12", "II,V2,V6", "1"])
@pytest.mark.parametrize("window, stride", [(100, None), (100, 40), (250, 250), (600, None)])
def test_tiles_are_plain_slices_of_the_original_signals(manifest, leads, window, stride):
    seconds = None if stride is None else stride / RATE
    dataset = WindowDataset(manifest, RATE, window / RATE, stride_seconds=seconds, leads=leads)
    expected = [
        (number, window_number, start)
        for number, recording in enumerate(RECORDINGS)
        for window_number, start in enumerate(_plain_starts(recording[3], window, stride or window))
    ]
    assert len(dataset) == len(expected) == dataset.window_counts.sum()
    batch = dataset.batch(range(len(dataset)))
    assert batch["source"].dtype == torch.int16 and batch["nanovolts"].dtype == torch.int32
    millivolts = _millivolts(batch)
    for place, (number, window_number, start) in enumerate(expected):
        signal, valid = _expected(number, start, window, dataset.leads)
        unit = float(batch["nanovolts"][place]) * 1e-6
        np.testing.assert_allclose(millivolts[place], signal, rtol=0, atol=unit / 2 + 1e-6)
        assert not batch["source"][place, :, valid:].any()
        assert int(batch["lengths"][place]) == valid
        assert (int(batch["recording"][place]), int(batch["window"][place])) == (number, window_number)
        assert batch["present"][place].tolist() == [lead in RECORDINGS[number][0] for lead in dataset.leads]
    assert batch["padded"] == bool((batch["lengths"] < window).any())
    patients = [dataset.table.patient_ids[p] for p in batch["patient"].tolist()]
    assert patients == [RECORDINGS[number][4] for number, _, _ in expected]


def test_where_every_recording_has_the_same_leads_batches_are_plain_slices_too(tmp_path):
    path = _write(tmp_path, [r if r[0] == STANDARD_LEADS and r[5] else None for r in RECORDINGS])
    dataset = WindowDataset(path, RATE, 1.0)
    batch = dataset.batch(range(len(dataset)))
    assert batch["padded"] and batch["present"].all()
    place = 0
    for number in (0, 1, 3):
        for start in _plain_starts(RECORDINGS[number][3], 100, 100):
            signal, valid = _expected(number, start, 100, STANDARD_LEADS)
            np.testing.assert_allclose(_millivolts(batch)[place], signal, rtol=0, atol=1.1e-3)
            assert not batch["source"][place, :, valid:].any()
            place += 1
    assert place == len(dataset)
    whole = dataset.batch([0, 1])
    assert not whole["padded"] and whole["lengths"].tolist() == [100, 100]


def test_centred_windows_take_the_middle(manifest):
    batch = WindowDataset(manifest, RATE, 2.0, mode="centred").batch(range(7))
    for number, recording in enumerate(RECORDINGS):
        signal, _ = _expected(number, max(recording[3] - 200, 0) // 2, 200, STANDARD_LEADS)
        np.testing.assert_allclose(_millivolts(batch)[number], signal, rtol=0, atol=1.1e-3)


def _place(batch, number, window):
    """Where a random window lies in its recording, found by comparing it with every stretch."""
    names, _, first, length, _, _ = RECORDINGS[number]
    lead = names[0]
    row = _millivolts(batch)[number, STANDARD_LEADS.index(lead)].numpy()
    signal = _signals()[number][0, first : first + length]
    fits = [s for s in range(max(length - window, 0) + 1) if np.allclose(signal[s : s + window], row[:length][:window], atol=2e-3)]  # fmt: skip  # noqa: E501
    assert len(fits) == 1
    return fits[0]


def test_random_windows_are_stretches_that_change_with_the_epoch_and_the_seed(manifest):
    dataset = WindowDataset(manifest, RATE, 2.0, mode="random", seed=3)
    assert len(dataset) == 7
    epochs = [dataset.batch(7 * epoch + np.arange(7)) for epoch in range(4)]
    for number in range(7):
        places = {_place(batch, number, 200) for batch in epochs}
        assert len(places) > 1 or number == 3
        assert all(int(batch["recording"][number]) == number for batch in epochs)
    again = WindowDataset(manifest, RATE, 2.0, mode="random", seed=3).batch([14, 20])
    assert torch.equal(again["source"], epochs[2]["source"][[0, 6]]), "a key gives the same in any batch"
    other = WindowDataset(manifest, RATE, 2.0, mode="random", seed=4).batch(range(7))
    assert not torch.equal(other["source"], epochs[0]["source"])


def test_indices_of_later_epochs_name_the_same_tiles(manifest):
    dataset = WindowDataset(manifest, RATE, 1.0)
    first, later = dataset.batch([3]), dataset.batch([5 * len(dataset) + 3])
    assert all(torch.equal(first[name], later[name]) for name in first if name != "padded")


def _equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        same = one[name] == other[name] if name == "padded" else torch.equal(one[name], other[name])
        assert same, name


def test_a_batch_is_its_samples_merged(manifest):
    labels = np.random.default_rng(0).integers(0, 3, (7, 4)).astype(np.uint8)
    dataset = WindowDataset(manifest, RATE, 1.0, labels=labels)
    indices = [4, 0, len(dataset) - 1, 11, len(dataset) + 2, 4]  # 11 is the padded one
    batch = dataset.__getitems__(indices)
    assert batch["padded"] and not dataset[indices[0]]["padded"]
    _equal(batch, merge([dataset[index] for index in indices]))
    _equal(batch, merge([dataset.batch(indices[:2]), dataset.batch(indices[2:])]))
    assert merge(batch) is batch and merge([]) == {} and merge({}) == {}
    for place, number in enumerate(batch["recording"].tolist()):
        assert batch["labels"][place].tolist() == labels[number].tolist()


class _Epochs(torch.utils.data.Sampler):
    """Shuffled batches of indices that carry their epoch."""

    def __init__(self, size):
        self.size, self.epoch = size, 0

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(self.size) + self.epoch * self.size
        return iter(np.array_split(order, 3))


def _seen(manifest, workers):
    dataset = WindowDataset(manifest, RATE, 2.0, mode="random", seed=3)
    kind = {"persistent_workers": True, "multiprocessing_context": "fork"} if workers else {}
    sampler, seen = _Epochs(len(dataset)), []
    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=merge, num_workers=workers, **kind)
    for sampler.epoch in range(3):
        seen.append([{k: v if k == "padded" else v.clone() for k, v in batch.items()} for batch in loader])
    return seen


def test_batches_do_not_depend_on_the_number_of_workers_in_any_epoch(manifest):
    expected = _seen(manifest, 0)
    for workers in (1, 2):
        for epoch, batches in enumerate(_seen(manifest, workers)):
            assert len(batches) == 3
            for one, other in zip(batches, expected[epoch], strict=True):
                _equal(one, other)
    assert not torch.equal(expected[0][0]["source"], expected[1][0]["source"])


def test_a_dataset_travels_to_another_process(manifest):
    dataset = WindowDataset(manifest, RATE, 1.0)
    dataset.batch([0])
    _equal(pickle.loads(pickle.dumps(dataset)).batch([0, 5]), dataset.batch([0, 5]))


def test_several_manifests_follow_one_another_and_share_patients(manifest, tmp_path):
    other = _write(tmp_path, [None, RECORDINGS[1], None, RECORDINGS[3], None, None, RECORDINGS[6]])
    dataset = WindowDataset([manifest, other], RATE, 1.0, mode="centred")
    assert dataset.table.ids == [f"r{n}" for n in (*range(7), 1, 3, 6)]
    patients = [dataset.table.patient_ids[p] for p in dataset.table.patients]
    assert patients == ["p0", "p1", "p0", "p2", "p3", "p1", "p4", "p1", "p2", "p4"]
    assert len(set(dataset.table.patient_ids)) == 5
    batch = dataset.batch(range(10))
    assert torch.equal(batch["source"][[1, 3, 6]], batch["source"][7:])


def _one(folder, **changes):
    """A manifest with one good row and one that is changed, in line 3."""
    _write(folder)
    good = Row("good", "a:0", 0, 300, RATE, STANDARD_LEADS, "p")
    write_manifest(folder / "bad.tsv", [good, dataclasses.replace(good, id="bad", **changes)])
    return folder / "bad.tsv"


@pytest.mark.parametrize(
    "changes, kind, message",
    [
        ({"rate": 500.0}, ValueError, "rate must be 100 Hz, as the model's, got 500; prepare the data with --rate 100"),
        ({"ecg": "gone.npy"}, FileNotFoundError, "ecg must be a file, got none at .*gone.npy"),
        ({"ecg": "c:0"}, FileNotFoundError, "shard must have the files c.npy and c.i16"),
        ({"ecg": "a:9"}, ValueError, "row must be 0 to 2 in shard a of 3 recordings, got 9"),
        ({"length": 301}, ValueError, "its 12 packed leads of 300 samples, got 12 leads from sample 0 to 301"),
        ({"start": 1}, ValueError, "got 12 leads from sample 1 to 301"),
        ({"leads": SIX}, ValueError, "must lie within its 12 packed leads of 300 samples, got 6 leads"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_right_are_named_when_the_data_is_opened(tmp_path, changes, kind, message):
    with pytest.raises(kind, match=rf"{message}.*\(record bad, .*bad\.tsv, line 3\)"):
        WindowDataset(_one(tmp_path, **changes), RATE, 1.0)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rate": 50.0}, "recording must have 100 Hz and at least 200 samples, .* got 50 Hz and 330 samples"),
        ({"samples": 150}, "recording must have 100 Hz and at least 200 samples, .* got 100 Hz and 150 samples"),
        ({"leads": ["I", "V6"]}, r"must have leads II, V6, got I, V6 \(missing II\)"),
        ({"nan": True}, "signal must be finite"),
        ({"torn": True}, "a NumPy file must be loadable"),
    ],
)
def test_files_that_changed_are_named_when_they_are_read(tmp_path, change, message):
    path = _write(tmp_path)
    signal = _signals()[6][:, : change.get("samples", 330)].copy()
    signal[0, 120] = np.nan if change.get("nan") else 0
    np.save(tmp_path / "file6.npy", signal)
    sidecar = {"rate": change.get("rate", RATE), "leads": change.get("leads", ["II", "V6"]), "unit": "mV"}
    (tmp_path / "file6.json").write_text(json.dumps(sidecar))
    dataset = WindowDataset(path, RATE, 1.0, stride_seconds=0.8)
    if change.get("torn"):
        (tmp_path / "file6.npy").write_bytes((tmp_path / "file6.npy").read_bytes()[:500])
    index = int(dataset.window_counts[:6].sum()) + 1  # from sample 20 + 80 on
    with pytest.raises(ValueError, match=rf"{message}.*\(.*file6\.npy, record r6, .*train\.tsv, line 8\)"):
        dataset.batch([index])


def test_settings_that_make_no_sense_are_refused(manifest, tmp_path):
    with pytest.raises(ValueError, match="mode of windows must be one of tiled, random, centred, got 'tile'"):
        WindowDataset(manifest, RATE, 1.0, mode="tile")
    with pytest.raises(ValueError, match=r"window_seconds must last at least one sample at 100 Hz, got 0\.001"):
        WindowDataset(manifest, RATE, 0.001)
    with pytest.raises(ValueError, match="stride_seconds must last at least one sample at 100 Hz, got 0"):
        WindowDataset(manifest, RATE, 1.0, stride_seconds=0)
    with pytest.raises(ValueError, match=r"labels must have one row per recording \(7\), got 2"):
        WindowDataset(manifest, RATE, 1.0, labels=np.zeros((2, 1), np.uint8))
    write_manifest(tmp_path / "empty.tsv", [])
    with pytest.raises(ValueError, match=r"manifest must have at least one row, got none \(.*empty\.tsv\)"):
        WindowDataset(tmp_path / "empty.tsv", RATE, 1.0)


WEIGHTS = ["3", "0.5", "", "0", "1.5", "0.25", "2"]


def _write_weights(folder, weights):
    """The manifest of `_write` with a further column."""
    lines = _write(folder).read_text().splitlines()
    cells = ["sampling_weight", *weights]
    path = folder / "weighted.tsv"
    path.write_text("".join(f"{line}\t{cell}\n" for line, cell in zip(lines, cells, strict=True)))
    return path


def _windows(batch):
    return list(zip(batch["recording"].tolist(), batch["window"].tolist(), strict=True))


@pytest.mark.parametrize("mode", ["tiled", "random", "centred"])
def test_equal_weights_change_nothing(manifest, tmp_path, mode):
    plain = WindowDataset(manifest, RATE, 1.0, mode=mode, seed=3)
    indices = np.arange(2 * len(plain))
    assert plain.by_weight() is plain
    for weights in (["1"] * 7, [""] * 7, ["0.1"] * 7, ["", "1", "1.0", "1e0", "", "01", "1"]):
        weighted = WindowDataset(_write_weights(tmp_path, weights), RATE, 1.0, mode=mode, seed=3).by_weight()
        _equal(weighted.batch(indices), plain.batch(indices))


@pytest.mark.parametrize("mode, seconds", [("tiled", 0.5), ("random", 2.0)])
def test_windows_are_visited_by_weight_and_evaluation_sees_each_once(tmp_path, mode, seconds):
    dataset = WindowDataset(_write_weights(tmp_path, WEIGHTS), RATE, seconds, mode=mode, seed=3)
    everything = [(row, n) for row, count in enumerate(dataset.window_counts) for n in range(count)]
    assert _windows(dataset.batch(range(len(dataset)))) == everything, "weights are for training alone"
    weighted = dataset.by_weight()
    assert len(weighted) == len(dataset) == len(everything)
    share = np.array([float(weight or 1) for weight in WEIGHTS])
    share = share / (share * dataset.window_counts).sum() * len(dataset)
    times, epochs, chosen = Counter(), 150, set()
    for epoch in range(epochs):
        visited = Counter(_windows(weighted.batch(epoch * len(weighted) + np.arange(len(weighted)))))
        assert all(np.floor(share[row]) <= visited[row, n] <= np.ceil(share[row]) for row, n in everything)
        times.update(visited)
        chosen.add(frozenset(visited.items()))
    assert len(chosen) > 2, "which windows are visited changes with the epoch"
    for row, n in everything:
        assert abs(times[row, n] / epochs - share[row]) < 0.15


def test_visits_of_one_recording_in_one_epoch_are_different_places(tmp_path):
    dataset = WindowDataset(_write_weights(tmp_path, ["1", "40", *["1"] * 5]), RATE, 0.4, mode="random", seed=3)
    weighted, plain = dataset.by_weight(), {}
    batch = dataset.batch(7 * 5 + np.arange(7))
    plain = {int(row): batch["source"][place] for place, row in enumerate(batch["recording"])}
    again = weighted.batch(7 * 5 + np.arange(7))
    visits = [again["source"][place] for place, row in enumerate(again["recording"].tolist()) if row == 1]
    assert len(visits) >= 6
    assert torch.equal(visits[0], plain[1]), "the first visit is where it would be without weights"
    for place, one in enumerate(visits):
        assert not any(torch.equal(one, other) for other in visits[:place])
    repeated = weighted.batch([7 * 5 + 6, 7 * 5 + 2, 7 * 6 + 1, 7 * 5 + 2])
    assert torch.equal(repeated["source"][[0, 1, 3]], again["source"][[6, 2, 2]]), "whatever else is asked for"


def test_a_weighted_dataset_travels_to_another_process(tmp_path):
    dataset = WindowDataset(_write_weights(tmp_path, WEIGHTS), RATE, 1.0, mode="random", seed=3).by_weight()
    _equal(pickle.loads(pickle.dumps(dataset)).batch(range(30)), dataset.batch(range(30)))
