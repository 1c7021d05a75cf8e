"""Every window is in exactly one batch, whatever the number of recordings, the batch size and the ranks."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
import torch
from fairseq.tasks import FairseqTask
from torch.utils.data import DataLoader

from fairseq_signals.data.dataset import UNKNOWN, WindowDataset
from fairseq_signals.tasks.window_batches import WindowBatches


@pytest.fixture
def manifest(ecg_data):
    return ecg_data / "train.tsv"


class Few(WindowDataset):
    """The first windows of a data set."""

    number = 5

    def __len__(self):
        return self.number


class Task(FairseqTask):
    """As our tasks: batches are rebuilt for every epoch."""

    def __init__(self):
        super().__init__(type("Settings", (), {"rebuild_batches": True})())


def iterator(batches, size, shards=1, shard=0, workers=0, epoch=1):
    return Task().get_batch_iterator(
        batches, max_sentences=size, num_shards=shards, shard_id=shard, num_workers=workers, seed=1, epoch=epoch
    )


def seen(samples) -> list[tuple[int, int]]:
    return [
        (int(recording), int(window))
        for sample in samples
        if not sample["empty"]
        for recording, window in zip(sample["recording"], sample["window"], strict=True)
    ]


# pin_memory without an accelerator makes a warning of PyTorch's, and so do threads that are more than the cores.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("number", [1, 2, 5, 7, 8, 9, 17, 47])
def test_each_window_is_in_exactly_one_batch(manifest, number, shuffle, shards):
    windows = Few(manifest, 100, 5)
    windows.number = number
    for size in (1, 3, 7, 8, 64):
        found, lengths = Counter(), set()
        for shard in range(shards):
            samples = list(iterator(WindowBatches(windows, "train", shuffle, 1), size, shards, shard).next_epoch_itr())
            lengths.add(len(samples))
            found.update(seen(samples))
        assert len(lengths) == 1, "ranks with different numbers of batches would wait for each other"
        assert len(found) == number and set(found.values()) == {1}


def test_a_rank_without_a_batch_gets_a_window_that_is_all_padding(manifest):
    windows = WindowDataset(manifest, 100, 5)
    windows.attach_labels(np.ones((len(windows.table), 3), np.uint8))
    batch = WindowBatches(windows, "train", False, 1)
    (sample,) = DataLoader(batch, batch_sampler=[[]], collate_fn=batch.collater)
    assert sample["empty"] and sample["padded"] and sample["subset"] == "train"
    assert sample["lengths"].tolist() == [0] and not sample["source"].any()
    assert (sample["labels"] == UNKNOWN).all()
    assert not batch.collater([windows[0], windows[1]])["empty"]
    assert windows.batch([0])["lengths"].tolist() == [500] and (windows.labels == 1).all()


def test_order_and_batches_are_new_in_every_epoch_and_repeat_by_seed(manifest):
    def epochs(seed):
        batches = WindowBatches(WindowDataset(manifest, 100, 5), "train", True, seed)
        epoch_iterator = iterator(batches, 7)
        return [[seen([sample]) for sample in epoch_iterator.next_epoch_itr()] for _ in range(3)]

    first, again, other = epochs(1), epochs(1), epochs(2)
    assert first == again != other
    for one, two in ((0, 1), (1, 2), (0, 2)):
        assert {frozenset(batch) for batch in first[one]}.isdisjoint(frozenset(batch) for batch in first[two])
        assert sorted(chain(*first[one])) == sorted(chain(*first[two]))


def windows_of_epochs(manifest, workers, epochs=3):
    """Signal of every window by recording, epoch by epoch."""
    batches = WindowBatches(WindowDataset(manifest, 100, 2, mode="random", seed=4), "train", True, 4)
    epoch_iterator = iterator(batches, 8, workers=workers)
    found = []
    for _ in range(epochs):
        samples = list(epoch_iterator.next_epoch_itr())
        order = torch.cat([sample["recording"] for sample in samples]).argsort()
        found.append(torch.cat([sample["source"] for sample in samples])[order])
    return found


@pytest.mark.slow
def test_random_windows_move_every_epoch_in_persistent_workers_too(manifest):
    alone, helped = windows_of_epochs(manifest, 0), windows_of_epochs(manifest, 2)
    for one, two in zip(alone, helped, strict=True):
        assert torch.equal(one, two)
    for one, two in ((0, 1), (1, 2)):
        same = (alone[one] == alone[two]).all(dim=(1, 2))
        assert same.sum() < 3


def test_max_tokens_count_samples(manifest):
    batches = WindowBatches(WindowDataset(manifest, 100, 5), "valid", False, 1)
    assert [len(batch) for batch in batches.batch_by_size(range(7), max_tokens=1600)] == [3, 3, 1]
    assert batches.size(0) == batches.num_tokens(3) == 500


def test_a_batch_that_holds_no_window_is_refused(manifest):
    batches = WindowBatches(WindowDataset(manifest, 100, 5), "valid", False, 1)
    with pytest.raises(ValueError, match=r"--max-tokens of at least one window \(500 samples\), got None and 499"):
        batches.batch_by_size(range(7), max_tokens=499)


@pytest.fixture
def weighted(manifest, tmp_path):
    """The training manifest with a column of weights."""
    lines = manifest.read_text().splitlines()
    cells = ["sampling_weight", *(("4", "", "0.5")[n % 3] for n in range(len(lines) - 1))]
    (tmp_path / "store").symlink_to(manifest.parent / "store")
    path = tmp_path / "train.tsv"
    path.write_text("".join(f"{line}\t{cell}\n" for line, cell in zip(lines, cells, strict=True)))
    return path


def test_training_visits_by_weight_and_evaluation_sees_every_window_once(weighted, caplog):
    caplog.set_level("INFO")
    windows = WindowDataset(weighted, 100, 5)
    everything = sorted(seen([windows.batch(range(len(windows))) | {"empty": False}]))
    evaluation = iterator(WindowBatches(windows, "valid", False, 1), 7).next_epoch_itr()
    assert sorted(seen(evaluation)) == everything
    assert "sampling_weight" not in caplog.text
    training = iterator(WindowBatches(windows, "train", True, 1), 7)
    assert "windows of train are visited by the column weight of its manifest" in caplog.text
    total = sum((4, 1, 0.5)[row % 3] for row, _ in everything)
    for _ in range(3):
        times = Counter(seen(training.next_epoch_itr()))
        assert times.total() == len(everything)
        for row, window in everything:
            share = (4, 1, 0.5)[row % 3] * len(everything) / total
            assert int(share) <= times[row, window] <= int(share) + 1


def test_a_resumed_epoch_visits_what_was_left(weighted):
    def start(epoch=1):
        windows = WindowDataset(weighted, 100, 2, mode="random")
        return iterator(WindowBatches(windows, "train", True, 1), 4, epoch=epoch)

    whole = start()
    for _ in range(2):
        samples = list(whole.next_epoch_itr())
    cut = start()
    list(cut.next_epoch_itr())
    epoch = cut.next_epoch_itr()
    for _ in range(3):
        next(epoch)
    resumed = start(cut.state_dict()["epoch"])  # as fairseq's trainer does
    resumed.load_state_dict(cut.state_dict())
    rest = list(resumed.next_epoch_itr())
    assert len(rest) == len(samples) - 3
    for one, other in zip(rest, samples[3:], strict=True):
        assert torch.equal(one["source"], other["source"]) and seen([one]) == seen([other])


@pytest.mark.slow
def test_visits_do_not_depend_on_the_number_of_workers(weighted):
    def epochs(workers):
        batches = WindowBatches(WindowDataset(weighted, 100, 2, mode="random"), "train", True, 1)
        epoch_iterator = iterator(batches, 8, workers=workers)
        return [torch.cat([sample["source"] for sample in epoch_iterator.next_epoch_itr()]) for _ in range(3)]

    for one, other in zip(epochs(0), epochs(2), strict=True):
        assert torch.equal(one, other)
