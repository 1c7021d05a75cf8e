"""All recordings of the parts as columns: whose each is, what its waveform is, and in which lists it stands.

Conventions: recordings are numbered in the order of parts and manifests; there are `N`. Patients who share a waveform
are one person, whatever they are called.
"""

import re
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.destination import LISTS
from fairseq_signals.data.row import Row

NO_WAVEFORM = 0
_DIGEST = re.compile("[0-9a-fA-F]{16}")


class Listed:
    """The rows of one manifest as arrays, one element each.

    Attributes:
        recording: its number, int64.
        shard, place: shard (by its place in `Recordings.shards` of the part) and row within it, int32.
        rate: Hz, float64.
    """

    def __init__(self, rows: int):
        self.recording = np.zeros(rows, np.int64)
        self.shard, self.place = np.zeros(rows, np.int32), np.zeros(rows, np.int32)
        self.rate = np.zeros(rows, np.float64)


class Recordings:
    """What the parts offer.

    Attributes:
        ids: `<part>/<id>` of each recording.
        part: number of the part it is from, int16 `[N]`.
        patient: number of its patient, int64 `[N]`, counted over all parts; `patient_ids` are their names.
        waveform: uint64 `[N]`, `NO_WAVEFORM` where it is not known.
        source: number of its source in `sources`, int32 `[N]`.
        person: int64 `[N]`, equal for recordings of the same person.
        lists: bool `[N]` by manifest: which recordings it has.
        listed: the rows by (part, manifest).
        shards: names of the shards of each part, in the order of their first row.
        part_names: of the parts.
    """

    def __init__(self, parts: Sequence[Prepared]):
        """Reads all rows of all manifests of the parts."""
        self._numbers: dict[str, int] = {}
        self._patients: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self._columns: list[tuple[int, int, int, int]] = []
        self.listed: dict[tuple[int, str], Listed] = {}
        self.shards: list[list[str]] = []
        self.part_names = [part.part.name for part in parts]
        total = sum(sum(part.sizes().values()) for part in parts)
        with tqdm(total=total, desc="reading", unit="row", smoothing=0.1) as progress:
            for number, part in enumerate(parts):
                shards: dict[str, int] = {}
                for name, rows in part.sizes().items():
                    self.listed[number, name] = self._read(number, part, name, shards)
                    progress.update(rows)
                self.shards.append(list(shards))
        self.ids, self.patient_ids, self.sources = (
            list(numbers) for numbers in (self._numbers, self._patients, self._sources)
        )
        columns = zip(*self._columns, strict=True) if self._columns else [()] * 4
        kinds = (np.int16, np.int64, np.uint64, np.int32)
        self.part, self.patient, self.waveform, self.source = map(np.array, columns, kinds)
        del self._columns
        self.person = _persons(self.patient, self.waveform, len(self.patient_ids))
        self.lists = {name: self._inside(name) for name in LISTS}

    def _read(self, number: int, part: Prepared, name: str, shards: dict[str, int]) -> Listed:
        listed = Listed(part.sizes()[name])
        for index, row in enumerate(part.rows(name)):
            combined = f"{part.part.name}/{row.id}"
            recording = self._numbers.setdefault(combined, len(self._numbers))
            if recording == len(self._columns):
                patient = self._patients.setdefault(part.names.patient(row), len(self._patients))
                source = self._sources.setdefault(part.names.source(row), len(self._sources))
                self._columns.append((number, patient, waveform_of(row), source))
            shard, place = row.stored
            listed.recording[index], listed.rate[index] = recording, row.rate
            listed.shard[index], listed.place[index] = shards.setdefault(shard, len(shards)), place
        return listed

    def _inside(self, name: str) -> np.ndarray:
        inside = np.zeros(len(self), bool)
        for (_, one), listed in self.listed.items():
            if one == name:
                inside[listed.recording] = True
        return inside

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, combined_id: str) -> int | None:
        """The recording of this id, or None."""
        return self._numbers.get(combined_id)

    def patient_number(self, patient: str) -> int | None:
        """The patient `<namespace>/<patient>`, or None."""
        return self._patients.get(patient)

    def of_same_persons(self, chosen: np.ndarray) -> np.ndarray:
        """Which recordings are of the same persons as the chosen ones, bool `[N]`.

        Args:
            chosen: bool `[N]`, or numbers of recordings.
        """
        persons = np.zeros(int(self.person.max(initial=-1)) + 1, bool)
        persons[self.person[chosen]] = True
        return persons[self.person]


def waveform_of(row: Row) -> int:
    """The digest in the column `waveform` as a number, `NO_WAVEFORM` where the cell is empty.

    Raises:
        ValueError: the cell is no digest.
    """
    cell = row.extra.get("waveform", "")
    return waveform_number(cell, f"recording {row.id!r}, line {row.line}") if cell else NO_WAVEFORM


def waveform_number(digest: str, where: str) -> int:
    """A digest (`waveform_digest`) as a number.

    Raises:
        ValueError: it is none.
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"waveform must be 16 hexadecimal digits, got {digest!r} ({where})")
    return int(digest, 16)


def _persons(patient: np.ndarray, waveform: np.ndarray, patients: int) -> np.ndarray:
    """Number of the person of each recording: patients linked by recordings of the same waveform are one."""
    have = waveform != NO_WAVEFORM
    different, waveform_number = np.unique(waveform[have], return_inverse=True)
    nodes = patients + len(different)
    links = coo_array((np.ones(have.sum(), bool), (patient[have], patients + waveform_number)), (nodes, nodes))
    return connected_components(links, directed=False)[1].astype(np.int64)[patient]
