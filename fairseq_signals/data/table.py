"""The recordings behind one or more manifests, as arrays: where each lies, how long it is, whose it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.row import WEIGHT, Row, parse_cell
from fairseq_signals.data.row_columns import RowColumns
from fairseq_signals.data.store import ENTRY, Store, quantise

STORE_FOLDER = "store"  # beside the manifest


class RecordingTable:
    """All rows of the manifests, one after the other, checked once.

    Data loaders copy it to their workers, so it keeps numbers alone; texts are read from the manifests again when
    they are asked for.

    Attributes:
        manifests: where the `N` rows stand.
        lengths: samples of each row, int64 `[N]`.
        nanovolts: unit of each packed row, int32 `[N]`.
        patients: number of each row's patient, int32 `[N]`, counted over all manifests.
        layouts: the different sets of leads.
    """

    def __init__(self, manifests: list[Manifest], rate: float):
        """Checks that every row has this `rate` (Hz) and lies within a file or a shard that is there.

        Raises:
            ValueError, FileNotFoundError: which row is not as it must be, and where it stands.
        """
        self.rate, self.manifests = rate, list(manifests)
        self._ends = np.cumsum([len(manifest) for manifest in manifests])  # of each manifest's rows
        if not self._ends.any():
            raise ValueError(
                f"manifest must have at least one row, got none ({', '.join(str(m.path) for m in manifests)})"
            )
        shards: dict[tuple[Path, str], int] = {}
        layouts: dict[tuple[str, ...], int] = {}
        patients: dict[str, int] = {}
        stores: dict[Path, Store] = {}
        parts = [self._part(manifest, shards, layouts, patients, stores) for manifest in manifests]
        columns = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        starts, self.lengths, self.patients, self._layouts, self._shards, entries = columns
        self._starts, self._strides = _narrow(starts), _narrow(entries["length"])
        self._offsets, self.nanovolts = entries["offset"].copy(), entries["nanovolts"].copy()
        self.layouts = list(layouts)
        self._stores = [(stores[folder], shard) for folder, shard in shards]

    def _part(self, manifest: Manifest, shards, layouts, patients, stores) -> tuple[np.ndarray, ...]:
        """One manifest's rows; what they name is entered with its number."""
        columns = manifest.parsed()
        entries = _entries(columns, manifest.folder / STORE_FOLDER, stores)
        leads = np.array([len(layout) for layout in columns.layouts], np.int64)[columns.layout]
        packed = columns.shard >= 0
        misfit = (entries["leads"] != leads) | (columns.starts + columns.lengths > entries["length"])
        bad = columns.bad | (columns.rates != self.rate) | (packed & misfit)
        gone = [not os.path.exists(manifest.folder / path) for path in columns.paths]
        bad[columns.files] |= np.array(gone, bool)
        if bad.any():
            self._refuse(manifest, int(bad.argmax()), stores)
        return (
            columns.starts,
            columns.lengths,
            self._patients(manifest, columns.patients, patients),
            _numbered(columns.layouts, columns.layout, layouts).astype(np.int16),
            _numbered([(manifest.folder / STORE_FOLDER, name) for name in columns.shards], columns.shard, shards),
            entries,
        )

    def _patients(self, manifest: Manifest, places: np.ndarray, patients: dict[str, int]) -> np.ndarray:
        if len(self.manifests) == 1:
            return places  # a million names are not compared for nothing
        return _numbered(manifest.distinct("patient")[0], places, patients)

    def _refuse(self, manifest: Manifest, index: int, stores: dict[Path, Store]) -> None:
        row = manifest[index]  # which raises what is wrong with its cells
        try:
            self._check(row, manifest.folder, stores)
        except (ValueError, FileNotFoundError) as error:
            raise _at(error, f"record {row.id}, {manifest.path}, line {row.line}") from error
        raise AssertionError(f"row must be refused when it is marked as bad ({manifest.path}, line {row.line})")

    def _check(self, row: Row, folder: Path, stores: dict[Path, Store]) -> None:
        if row.rate != self.rate:
            raise ValueError(
                f"rate must be {self.rate:g} Hz, as the model's, got {row.rate:g}; prepare the data with "
                f"--rate {self.rate:g}"
            )
        if row.stored is None:
            if not os.path.exists(folder / row.ecg):
                raise FileNotFoundError(f"ecg must be a file, got none at {folder / row.ecg}")
            return
        entry = _opened(folder / STORE_FOLDER, stores).entry(*row.stored)
        if entry.leads != len(row.leads) or row.start + row.length > entry.length:
            raise ValueError(
                f"recording must lie within its {entry.leads} packed leads of {entry.length} samples, got "
                f"{len(row.leads)} leads from sample {row.start} to {row.start + row.length}"
            )

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def ids(self) -> list[str]:
        """Id of each row, read from the manifests."""
        return [name for manifest in self.manifests for name in manifest.column("id")]

    @property
    def patient_ids(self) -> list[str]:
        """The patients' ids by number, read from the manifests."""
        return list(dict.fromkeys(name for manifest in self.manifests for name in manifest.distinct("patient")[0]))

    def weights(self) -> np.ndarray:
        """How often each row is to be visited in training beside the others, float64 `[N]`, read from the manifests.

        Raises:
            ValueError: no row is to be visited.
        """
        weights = np.concatenate([_weights(manifest) for manifest in self.manifests])
        if not weights.any():
            paths = ", ".join(str(manifest.path) for manifest in self.manifests)
            raise ValueError(f"weight must be above 0 in one row at least, got 0 in all ({paths}, column {WEIGHT})")
        return weights

    def leads(self, row: int) -> tuple[str, ...]:
        """Names of a recording's leads, in standard order."""
        return self.layouts[self._layouts[row]]

    def stretches(self, rows: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        """Stored integers `[L, length]` and nanovolts per unit, for one recording after the other.

        Args:
            rows: int64 `[B]`.
            starts: first sample within each recording, int64 `[B]`.
            lengths: samples to give of each, int64 `[B]`.
        """
        starts = starts + self._starts[rows]
        columns = [rows, starts, starts + lengths, self._shards[rows], self._layouts[rows]]
        columns += [self._offsets[rows], self._strides[rows], self.nanovolts[rows]]
        # Plain integers from here on: looking elements up one at a time takes a fifth as long as copying the window.
        lists = (column.tolist() for column in columns)
        for row, start, stop, shard, layout, offset, stride, nanovolts in zip(*lists, strict=True):
            if shard < 0:
                yield self._read_file(row, start, stop - start)
                continue
            store, name = self._stores[shard]
            leads = len(self.layouts[layout])
            samples = store.samples(name)[offset : offset + leads * stride].reshape(leads, stride)
            yield samples[:, start:stop], nanovolts

    def _read_file(self, place: int, start: int, length: int) -> tuple[np.ndarray, int]:
        number = int(np.searchsorted(self._ends, place, "right"))
        manifest = self.manifests[number]
        row = manifest[place - int(self._ends[number]) + len(manifest)]
        path = manifest.folder / row.ecg
        try:
            record = read_record(path).select(row.leads)
            if record.rate != self.rate or record.signal.shape[1] < start + length:
                raise ValueError(
                    f"recording must have {self.rate:g} Hz and at least {start + length} samples, as its manifest "
                    f"says, got {record.rate:g} Hz and {record.signal.shape[1]} samples"
                )
            return quantise(record.signal[:, start : start + length])
        except (ValueError, FileNotFoundError) as error:
            raise _at(error, f"{path}, record {row.id}, {manifest.path}, line {row.line}") from error


def _entries(columns: RowColumns, folder: Path, stores: dict[Path, Store]) -> np.ndarray:
    """Each row's entry in its shard's index (`ENTRY`); zeros for a file, and where there is no such entry."""
    indices = []
    for shard in columns.shards:
        try:
            indices.append(_opened(folder, stores).index(shard))
        except (ValueError, FileNotFoundError):
            indices.append(np.empty(0, ENTRY))
    sizes = np.array([len(index) for index in indices] or [0])
    inside = (columns.shard >= 0) & (columns.numbers < sizes[columns.shard])
    found = np.zeros(len(inside), ENTRY)
    if inside.any():
        first = np.cumsum(sizes) - sizes
        found[inside] = np.concatenate(indices)[first[columns.shard[inside]] + columns.numbers[inside]]
    return found


def _opened(folder: Path, stores: dict[Path, Store]) -> Store:
    if folder not in stores:
        stores[folder] = Store(folder)
    return stores[folder]


def _numbered(names: list, places: np.ndarray, numbers: dict) -> np.ndarray:
    """Numbers of the names at `places`, int32; new names are entered, and place -1 stays -1."""
    known = [numbers.setdefault(name, len(numbers)) for name in names]
    return np.array([*known, -1], np.int32)[places]


def _weights(manifest: Manifest) -> np.ndarray:
    if WEIGHT not in manifest.columns:
        return np.ones(len(manifest))
    cells, places = manifest.distinct(WEIGHT)
    return np.array([parse_cell(WEIGHT, cell) for cell in cells], np.float64)[places]


def _narrow(numbers: np.ndarray) -> np.ndarray:
    """The numbers in half the memory, where they fit."""
    return numbers.astype(np.int32 if numbers.max(initial=0) <= np.iinfo(np.int32).max else np.int64)


def _at(error: Exception, where: str) -> Exception:
    # Some subclasses of ValueError take other arguments than a text.
    kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
    return kind(f"{error} ({where})")
