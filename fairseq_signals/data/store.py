"""Recordings packed into memory-mapped shards of int16, so that loader workers only slice.

Conventions: a store is a folder of shards. `NAME.i16` holds little-endian int16, one recording after the
other, each `[L, T]` lead by lead. `NAME.npy` beside it is a structured array with one entry per recording
(`ENTRY`). Millivolts are `int16 * nanovolts * 1e-6` (convert to float first: the product leaves int16);
`nanovolts` is an integer so that no precision cast during training can touch it. The index is renamed into
place after the data: an index on disk means a whole shard.
"""

import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fairseq_signals.data.atomic import partial_path, publish, written_whole

ENTRY = np.dtype([("offset", "<i8"), ("leads", "<i2"), ("length", "<i8"), ("nanovolts", "<i4")])
"""One row of a shard's index: first sample in the file, number of leads, samples per lead, unit."""

NANOVOLTS_PER_MILLIVOLT = 1_000_000
_UNIT = 1000  # nanovolts: one microvolt, the resolution of PhysioNet files with a gain of 1000/mV
_LOWEST, _HIGHEST = -32768, 32767
_SAMPLE = np.dtype("<i2")
_OPEN_SHARDS = 256  # each memory map holds a file descriptor, and 1,024 is a common limit


class Entry(NamedTuple):
    """Where one recording lies in its shard, and its unit."""

    offset: int
    leads: int
    length: int
    nanovolts: int


def quantise(signal: np.ndarray) -> tuple[np.ndarray, int]:
    """Integers and their unit: 1 µV where the peak fits, else the smallest whole nanovolts that do.

    Args:
        signal: float32 `[L, T]`, mV.

    Returns:
        int16 `[L, T]`, and nanovolts per integer unit.

    Raises:
        ValueError: a sample is not finite, or not even two volts per unit would hold the peak.
    """
    if signal.ndim != 2:
        raise ValueError(f"signal must be [L, T], got shape {signal.shape}")
    lowest, highest = (float(signal.min()), float(signal.max())) if signal.size else (0.0, 0.0)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError(f"signal must be finite, got {np.count_nonzero(~np.isfinite(signal))} samples that are not")
    peaks = np.array([lowest, highest], np.float64) * NANOVOLTS_PER_MILLIVOLT
    unit = max(_UNIT, int(max(peaks[1] / (_HIGHEST + 0.5), -peaks[0] / (-_LOWEST + 0.5))))
    while np.rint(peaks[1] / unit) > _HIGHEST or np.rint(peaks[0] / unit) < _LOWEST:
        unit += 1
    if unit > np.iinfo(np.int32).max:
        raise ValueError(f"signal must stay within kilovolts, got a peak of {max(-lowest, highest):g} mV")
    # In float64, as the product with a million rounds in float32, and a tie would be decided by that.
    scaled = signal.astype(np.float64)
    scaled *= NANOVOLTS_PER_MILLIVOLT
    scaled /= unit
    return np.rint(scaled, out=scaled).astype(_SAMPLE), unit


class ShardWriter:
    """Writes one shard, which appears when the block ends, and not at all when an exception ends it."""

    def __init__(self, folder: str | Path, name: str):
        self._data, self._index = _files(Path(folder), name)
        self._partial = partial_path(self._data)
        self._entries: list[tuple[int, int, int, int]] = []
        self._offset = 0

    def __enter__(self) -> "ShardWriter":
        self._file = open(self._partial, "wb")
        return self

    def add(self, signal: np.ndarray) -> int:
        """Appends float32 `[L, T]` in mV and returns its row in this shard."""
        integers, nanovolts = quantise(signal)
        self._file.write(integers.tobytes())  # C order: lead by lead
        self._entries.append((self._offset, *integers.shape, nanovolts))
        self._offset += integers.size
        return len(self._entries) - 1

    def __exit__(self, kind, value, traceback) -> None:
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
            if kind is None:
                publish(self._partial, self._data)
                with written_whole(self._index) as file:
                    np.save(file, np.array(self._entries, ENTRY), allow_pickle=False)
        finally:
            self._partial.unlink(missing_ok=True)


class Store:
    """Reads recordings out of a folder of shards; cheap to open and to send to another process.

    Shards are mapped when first touched, in whichever process touches them. The first touch checks that the
    data file has exactly the size its index tells.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"store must be a folder of shards, got {self.folder}, which is none")
        self._forget()

    def _forget(self) -> None:
        self._indices: dict[str, np.ndarray] = {}
        self._maps: OrderedDict[str, np.ndarray] = OrderedDict()

    def __getstate__(self) -> dict:
        return {"folder": self.folder}

    def __setstate__(self, state: dict) -> None:
        self.folder = state["folder"]
        self._forget()

    def shards(self) -> list[str]:
        """Names of the whole shards in the folder, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.npy"))

    def index(self, shard: str) -> np.ndarray:
        """The shard's structured array (`ENTRY`), one element per row."""
        if shard not in self._indices:
            self._indices[shard] = _checked_index(*_files(self.folder, shard))
        return self._indices[shard]

    def entry(self, shard: str, row: int) -> Entry:
        """Where the recording lies and in what unit, as plain integers."""
        index = self.index(shard)
        if not 0 <= row < len(index):
            raise ValueError(
                f"row must be 0 to {len(index) - 1} in shard {shard} of {len(index)} recordings, got {row} "
                f"({self.folder})"
            )
        return Entry(*index[row].item())

    def read(self, shard: str, row: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Stored integers of one stretch: int16 `[L, stop - start]`, a read-only view, no copy."""
        entry = self.entry(shard, row)
        stop = entry.length if stop is None else stop
        if not 0 <= start <= stop <= entry.length:
            raise ValueError(
                f"samples must lie in 0 to {entry.length}, got {start} to {stop} "
                f"({self.folder}, shard {shard}, row {row})"
            )
        samples = self.samples(shard)[entry.offset : entry.offset + entry.leads * entry.length]
        return samples.reshape(entry.leads, entry.length)[:, start:stop]

    def millivolts(self, shard: str, row: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The same stretch in millivolts: float32 `[L, stop - start]`."""
        integers = self.read(shard, row, start, stop)
        return integers.astype(np.float32) * np.float32(self.entry(shard, row).nanovolts / NANOVOLTS_PER_MILLIVOLT)

    def samples(self, shard: str) -> np.ndarray:
        """All samples of a shard, int16, one recording after the other: what `index` offsets count in."""
        self.index(shard)  # a torn shard is refused before it is mapped
        if shard in self._maps:
            self._maps.move_to_end(shard)
            return self._maps[shard]
        data, _ = _files(self.folder, shard)
        if data.stat().st_size == 0:  # an empty file cannot be mapped
            samples = np.empty(0, _SAMPLE)
        else:
            samples = np.asarray(np.memmap(data, _SAMPLE, "r"))  # a plain array slices faster than a memmap
        self._maps[shard] = samples
        if len(self._maps) > _OPEN_SHARDS:
            self._maps.popitem(last=False)  # views handed out keep their map alive
        return samples


def _files(folder: Path, shard: str) -> tuple[Path, Path]:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", shard):
        raise ValueError(f"shard must be a name of letters, digits, - and _, got {shard!r} ({folder})")
    return folder / f"{shard}.i16", folder / f"{shard}.npy"


def _checked_index(data: Path, path: Path) -> np.ndarray:
    for file in (path, data):
        if not file.is_file():
            raise FileNotFoundError(f"shard must have the files {path.name} and {data.name}, got no {file}")
    try:
        index = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"shard index must be a whole NumPy file, got {error} ({path})") from error
    if index.dtype != ENTRY or index.ndim != 1:
        raise ValueError(f"shard index must list {ENTRY.names}, got {index.dtype} {index.shape} ({path})")
    sizes = index["leads"].astype(np.int64) * index["length"]
    if not np.array_equal(index["offset"], np.cumsum(sizes) - sizes):
        raise ValueError(f"shard index must list its recordings one after the other, got gaps ({path})")
    expected, received = int(sizes.sum()) * _SAMPLE.itemsize, data.stat().st_size
    if received != expected:
        raise ValueError(f"shard data must have {expected} bytes, as its index tells, got {received} ({data})")
    return index
