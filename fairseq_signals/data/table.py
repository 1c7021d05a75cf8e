"""The recordings behind one or more manifests, as arrays: where each lies, how long it is, whose it is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import Store, quantise

STORE_FOLDER = "store"  # beside the manifest


class RecordingTable:
    """All rows of the manifests, one after the other, checked once.

    Attributes:
        ids: id of each of the `N` rows.
        lengths: samples of each row, int64 `[N]`.
        nanovolts: unit of each packed row, int32 `[N]`.
        patients: number of each row's patient, int64 `[N]`, counted over all manifests.
        patient_ids: the patients' ids by number.
    """

    def __init__(self, manifests: list[Manifest], rate: float):
        """Checks that every row has this `rate` (Hz) and lies within a file or a shard that is there.

        Raises:
            ValueError, FileNotFoundError: which row is not as it must be, and where it stands.
        """
        self.rate = rate
        rows = sum(len(manifest) for manifest in manifests)
        if not rows:
            raise ValueError(
                f"manifest must have at least one row, got none ({', '.join(str(m.path) for m in manifests)})"
            )
        self.ids: list[str] = []
        self.lengths, self._starts = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        self.nanovolts = np.zeros(rows, np.int32)
        self.patients = np.zeros(rows, np.int64)
        self._offsets, self._strides = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        self._shards, self._layouts = np.full(rows, -1, np.int32), np.zeros(rows, np.int16)
        self._files: dict[int, Path] = {}  # of the rows that are not packed
        self._lines: dict[int, tuple[Path, int]] = {}  # and where they stand in a manifest, for messages
        self._shard_places: dict[tuple[Path, str], int] = {}
        self._layout_places: dict[tuple[str, ...], int] = {}
        patients: dict[str, int] = {}
        stores: dict[Path, Store] = {}
        for manifest in manifests:
            for row in manifest:
                place = len(self.ids)
                try:
                    self._enter(place, row, manifest.folder, stores)
                except (ValueError, FileNotFoundError) as error:
                    raise _at(error, f"record {row.id}, {manifest.path}, line {row.line}") from error
                if row.stored is None:
                    self._lines[place] = (manifest.path, row.line)
                self.patients[place] = patients.setdefault(row.patient, len(patients))
        self.patient_ids = list(patients)
        self.layouts = list(self._layout_places)
        self._stores = [(stores[folder], shard) for folder, shard in self._shard_places]

    def _enter(self, place: int, row: Row, folder: Path, stores: dict[Path, Store]):
        if row.rate != self.rate:
            raise ValueError(
                f"rate must be {self.rate:g} Hz, as the model's, got {row.rate:g}; prepare the data with "
                f"--rate {self.rate:g}"
            )
        self.ids.append(row.id)
        self._starts[place], self.lengths[place] = row.start, row.length
        self._layouts[place] = self._layout_places.setdefault(row.leads, len(self._layout_places))
        if row.stored is None:
            self._files[place] = folder / row.ecg
            if not self._files[place].exists():
                raise FileNotFoundError(f"ecg must be a file, got none at {self._files[place]}")
            return
        shard, number = row.stored
        folder = folder / STORE_FOLDER
        if folder not in stores:
            stores[folder] = Store(folder)
        entry = stores[folder].entry(shard, number)
        if entry.leads != len(row.leads) or row.start + row.length > entry.length:
            raise ValueError(
                f"recording must lie within its {entry.leads} packed leads of {entry.length} samples, got "
                f"{len(row.leads)} leads from sample {row.start} to {row.start + row.length}"
            )
        self._shards[place] = self._shard_places.setdefault((folder, shard), len(self._shard_places))
        self._offsets[place], self._strides[place] = entry.offset, entry.length
        self.nanovolts[place] = entry.nanovolts

    def __len__(self) -> int:
        return len(self.ids)

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

    def _read_file(self, row: int, start: int, length: int) -> tuple[np.ndarray, int]:
        try:
            record = read_record(self._files[row]).select(self.leads(row))
            if record.rate != self.rate or record.signal.shape[1] < start + length:
                raise ValueError(
                    f"recording must have {self.rate:g} Hz and at least {start + length} samples, as its manifest "
                    f"says, got {record.rate:g} Hz and {record.signal.shape[1]} samples"
                )
            return quantise(record.signal[:, start : start + length])
        except (ValueError, FileNotFoundError) as error:
            path, line = self._lines[row]
            raise _at(error, f"{self._files[row]}, record {self.ids[row]}, {path}, line {line}") from error


def _at(error: Exception, where: str) -> Exception:
    # Some subclasses of ValueError take other arguments than a text.
    kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
    return kind(f"{error} ({where})")
