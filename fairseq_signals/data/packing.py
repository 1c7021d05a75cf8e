"""From a list of recordings to shards of the store, in chunks that may be cut off at any moment.

The sorted list is cut into chunks of a fixed size, and each chunk becomes one shard, so the number of processes
changes nothing. A chunk's report (what was packed where, what was rejected why) is written after its shard: a
report on disk means that the chunk is done.
"""

import hashlib
import json
import os
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.faults import Rejected, usable
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.resample import resample_record
from fairseq_signals.data.store import ShardWriter, Store

_KEPT_META = ("age", "sex", "comments", "notes")


@dataclass(frozen=True)
class Item:
    """One recording that a source offers; what is None is taken from the file.

    Attributes:
        file: path relative to the source's folder.
        id: unique id.
        patient: patient id.
        labels: codes that apply.
        unknown: codes of which nothing is known.
        unlabelled: True where the source says that nothing is known of any class.
        extra: further columns of the manifest.
        split: the source's own split.
    """

    file: str
    id: str
    patient: str | None = None
    labels: tuple[str, ...] | None = None
    unknown: tuple[str, ...] = ()
    unlabelled: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    split: str | None = None


@dataclass(frozen=True)
class Packing:
    """How recordings are packed.

    Attributes:
        rate: Hz to resample to, or None to keep each recording's own.
        leads: leads that every recording must have; these and no others are stored.
        bound_mv: largest plausible amplitude, mV.
        shortest_s: shortest duration, seconds.
        per_shard: recordings in a shard, rejected ones included.
    """

    rate: float | None = None
    leads: tuple[str, ...] = STANDARD_LEADS
    bound_mv: float = 20.0
    shortest_s: float = 1.0
    per_shard: int = 512

    def __post_init__(self):
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be positive (Hz), got {self.rate}")
        if not 0 < self.bound_mv <= 1e6:
            raise ValueError(f"bound must be positive and at most a million mV, got {self.bound_mv}")
        if not 0 <= self.shortest_s < float("inf"):
            raise ValueError(f"shortest duration must be at least 0 s, got {self.shortest_s}")
        if self.per_shard < 1:
            raise ValueError(f"recordings per shard must be at least 1, got {self.per_shard}")


@dataclass(frozen=True)
class Packed:
    """A recording in the store: its item, its place, and what its file told.

    Attributes:
        item: as the source offered it.
        ecg: `shard:row`.
        length, rate, leads: of the stored signal.
        patient, labels, meta: of the file (`meta`: age, sex, comments, notes).
        digest: of the samples; equal for recordings that hold the same signal.
    """

    item: Item
    ecg: str
    length: int
    rate: float
    leads: tuple[str, ...]
    patient: str | None
    labels: tuple[str, ...]
    meta: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Reject:
    """A recording that was left out, and why (`fault` is one of `faults.FAULTS`)."""

    item: Item
    fault: str
    message: str


def pack(
    items: Sequence[Item], root: Path, store: Path, reports: Path, packing: Packing, workers: int = 1
) -> tuple[list[Packed], list[Reject]]:
    """Packs what is not packed yet and returns everything, in the order of the items.

    Args:
        items: recordings, in an order that does not change from run to run.
        root: folder of the source.
        store: folder for the shards, which exists.
        reports: folder for the chunks' reports, which exists.
        packing: how.
        workers: processes.
    """
    chunks = [items[start : start + packing.per_shard] for start in range(0, len(items), packing.per_shard)]
    open_chunks = [number for number in range(len(chunks)) if not _is_done(number, store, reports)]
    done = len(items) - sum(len(chunks[number]) for number in open_chunks)
    with tqdm(total=len(items), initial=done, desc="packing", unit="recording", smoothing=0.1) as progress:
        jobs = (
            delayed(_pack_chunk)(number, chunks[number], root, store, reports, packing, os.getpid())
            for number in open_chunks
        )
        for count in Parallel(n_jobs=workers, return_as="generator_unordered")(jobs):
            progress.update(count)
    packed, rejects = [], []
    for number, chunk in enumerate(chunks):
        report = json.loads(_report(number, reports).read_text(encoding="utf-8"))
        packed += [Packed(chunk[entry.pop("place")], **_tuples(entry)) for entry in report["packed"]]
        rejects += [Reject(chunk[entry.pop("place")], **entry) for entry in report["rejected"]]
    return packed, rejects


def _pack_chunk(
    number: int, items: Sequence[Item], root: Path, store: Path, reports: Path, packing: Packing, parent: int
) -> int:
    packed, rejected = [], []
    _leave_with(parent)
    with ShardWriter(store, _shard(number)) as writer:
        for place, item in enumerate(items):
            _stop_if_orphaned(parent)
            try:
                record = _usable_record(root / item.file, packing)
            except Rejected as reason:
                message = str(reason).replace(f"{root}{os.sep}", "")  # equal input gives equal bytes anywhere
                rejected.append({"place": place, "fault": reason.fault, "message": message})
                continue
            row = writer.add(record.signal)
            packed.append({"place": place, "ecg": f"{_shard(number)}:{row}"} | _facts(record))
        _stop_if_orphaned(parent)
    with written_whole(_report(number, reports), "w") as file:
        json.dump({"packed": packed, "rejected": rejected}, file, default=str)
    return len(items)


def _usable_record(path: Path, packing: Packing) -> Record:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what readers find odd also stands in meta["notes"], which is kept
            record = read_record(path)
    except FileNotFoundError as error:
        raise Rejected("missing", str(error)) from error
    except Exception as error:  # whatever a damaged file does to a reader, the other recordings are to be packed
        raise Rejected("unreadable", f"{type(error).__name__}: {error}") from error
    record = usable(record, packing.leads, packing.bound_mv, packing.shortest_s)
    try:
        return record if packing.rate is None else resample_record(record, packing.rate)
    except ValueError as error:
        raise Rejected("rate", str(error)) from error


def _facts(record: Record) -> dict[str, Any]:
    return {
        "length": record.signal.shape[1],
        "rate": record.rate,
        "leads": record.leads,
        "patient": record.patient,
        "labels": record.labels,
        "meta": {name: record.meta[name] for name in _KEPT_META if record.meta.get(name) is not None},
        "digest": hashlib.blake2b(record.signal.tobytes(), digest_size=16).hexdigest(),
    }


def _tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {name: tuple(entry[name]) for name in ("leads", "labels")}  # JSON made lists of them


def _shard(number: int) -> str:
    return f"shard-{number:05d}"


def _report(number: int, reports: Path) -> Path:
    return reports / f"{_shard(number)}.json"


def _is_done(number: int, store: Path, reports: Path) -> bool:
    if not _report(number, reports).is_file():
        return False
    try:
        Store(store).index(_shard(number))
    except (ValueError, FileNotFoundError):  # somebody took the shard away: it is packed again
        return False
    return True


def _is_orphaned(parent: int) -> bool:
    return os.getpid() != parent and os.getppid() != parent


def _stop_if_orphaned(parent: int) -> None:
    # A worker outlives a killed parent for a while; it must not write into what a new run has begun.
    if _is_orphaned(parent):
        raise SystemExit("the preparation that this process worked for has ended")


@cache
def _leave_with(parent: int) -> None:
    """Ends this worker soon after its parent; otherwise it would wait for more work for minutes."""

    def watch() -> None:
        while not _is_orphaned(parent):
            time.sleep(1)
        os._exit(1)

    if os.getpid() != parent:
        threading.Thread(target=watch, daemon=True).start()
