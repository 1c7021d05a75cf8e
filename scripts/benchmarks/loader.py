"""Windows per second out of the store, beside files of segments and a bare copy."""

import time
from pathlib import Path

import numpy as np
import scipy.io
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from benchmarks.table import Scale, Table, fastest
from fairseq_signals.data.dataset import WindowDataset, merge
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter, Store
from fairseq_signals.data.table import STORE_FOLDER
from fairseq_signals.transforms.windows import windows_from_batch

RATE, RECORDING_SECONDS, WINDOW_SECONDS = 500, 10, 5
LENGTH, WINDOW = RATE * RECORDING_SECONDS, RATE * WINDOW_SECONDS
PER_SHARD = 512


def noise(generator: np.random.Generator, samples: int) -> np.ndarray:
    """Random millivolts, float32 `[12, samples]`."""
    return generator.standard_normal((len(STANDARD_LEADS), samples), np.float32).clip(-5, 5)


def measure_loader(table: Table, folder: Path, scale: Scale):
    """Five-second windows per second of one worker, beside .mat files of segments and a bare copy."""
    dataset, store = _synthetic_store(folder, scale.recordings)
    mats = _segment_files(folder / "mat", scale.files)
    table.add("load: recordings in the store", scale.recordings, "recordings")
    table.add("load: windows in a batch", scale.batch, "windows")
    draws = np.random.default_rng(1)
    batch, cpu = scale.batch, torch.device("cpu")

    def indices() -> np.ndarray:
        return draws.integers(1 << 20) * len(dataset) + draws.choice(len(dataset), batch, replace=False)

    def loaded() -> dict:
        return dataset.batch(indices())

    known = {name: value for name, value in loaded().items() if name != "source"}

    def copied() -> dict:
        # As many neighbouring samples of the store as a batch of windows holds, from another place each time.
        samples = store.samples(str(draws.choice(store.shards())))
        size = batch * len(STANDARD_LEADS) * WINDOW
        begin = int(draws.integers(len(samples) - size + 1))
        source = samples[begin : begin + size].copy().reshape(batch, len(STANDARD_LEADS), WINDOW)
        return {"source": torch.from_numpy(source), **known}

    variants = {
        "scipy.io.loadmat of segments": lambda: [scipy.io.loadmat(path) for path in draws.choice(mats, batch)],
        "bare copy of int16": copied,
        "bare copy + conversion to mV": lambda: windows_from_batch(copied(), cpu),
        "loader, int16 batch": loaded,
        "loader + conversion to mV": lambda: windows_from_batch(loaded(), cpu),
    }
    _warm(dataset, store, mats, batch)
    rates = {name: batch / spent for name, spent in fastest(variants, scale.rounds, "loader").items()}
    rates["DataLoader, 1 worker, int16 batch"] = _worker_rate(dataset, scale)
    loadmat, bare, converted = (f"load: {name}" for name in list(variants)[:3])
    compared = {
        "loader, int16 batch": [loadmat, bare],
        "loader + conversion to mV": [loadmat, converted],
        "DataLoader, 1 worker, int16 batch": [loadmat],
    }
    for name, rate in rates.items():
        table.add(f"load: {name}", rate, "windows/s", *compared.get(name, []))


def _warm(dataset: WindowDataset, store: Store, mats: list[str], batch: int):
    """Reads every file once, and both maps of the store, so that no first touch of a page is timed."""
    for first in tqdm(range(0, 4 * len(dataset), batch), desc="warming", unit="batch"):
        dataset.batch(np.arange(first, first + batch))
    for shard in store.shards():
        store.samples(shard).max()
    for path in mats:
        scipy.io.loadmat(path)


def _worker_rate(dataset: WindowDataset, scale: Scale) -> float:
    numbers = np.random.default_rng(2).integers(len(dataset), size=(scale.loader_batches + 4, scale.batch))
    best = 0.0
    for _ in tqdm(range(3), desc="data loader", unit="round"):
        batches = iter(DataLoader(dataset, batch_sampler=numbers.tolist(), num_workers=1, collate_fn=merge))
        for _ in range(4):  # the worker has started and is at work
            next(batches)
        begin = time.perf_counter()
        for _ in batches:
            pass
        best = max(best, scale.loader_batches * scale.batch / (time.perf_counter() - begin))
    return best


def _synthetic_store(folder: Path, recordings: int) -> tuple[WindowDataset, Store]:
    """Random five-second windows of ten-second recordings of noise, and their store."""
    generator, rows = np.random.default_rng(0), []
    (folder / STORE_FOLDER).mkdir()
    with tqdm(total=recordings, desc="synthetic store", unit="recording") as bar:
        for first in range(0, recordings, PER_SHARD):
            name = f"shard-{first // PER_SHARD:05d}"
            with ShardWriter(folder / STORE_FOLDER, name) as writer:
                for number in range(first, min(first + PER_SHARD, recordings)):
                    place = f"{name}:{writer.add(noise(generator, LENGTH))}"
                    rows.append(Row(f"r{number}", place, 0, LENGTH, float(RATE), STANDARD_LEADS, f"p{number}"))
                    bar.update()
    write_manifest(folder / "train.tsv", rows)
    dataset = WindowDataset(folder / "train.tsv", RATE, WINDOW_SECONDS, "random")
    return dataset, Store(folder / STORE_FOLDER)


def _segment_files(folder: Path, number: int) -> list[str]:
    """Files of five seconds each, float64, with the variables of Oh et al. 2022's public preprocessing."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    paths = [str(folder / f"{place}_0.mat") for place in range(number)]
    for place, path in enumerate(tqdm(paths, desc="segment files", unit="file")):
        known = {"age": 60, "sex": 1, "label": np.zeros(26, np.int64), "patient_id": place, "curr_sample_rate": RATE}
        scipy.io.savemat(path, {**known, "feats": noise(generator, WINDOW).astype(np.float64)})
    return paths
