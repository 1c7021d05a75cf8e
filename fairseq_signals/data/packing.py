"""From a list of recordings to shards of the store, in chunks that may be cut off at any moment.

The sorted list is cut into chunks of a fixed size, and each chunk becomes one shard, so the number of processes
changes nothing. A chunk's report (what was packed where, what was rejected why, which files were read) is written
after its shard: a report on disk means that the chunk is done, as long as its files stay what they were.
"""

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from socket import gethostname
from types import ModuleType
from typing import Any

from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.checksums import LIST_NAME, Checksums, damaged
from fairseq_signals.data.engine import engine
from fairseq_signals.data.faults import Rejected, usable
from fairseq_signals.data.fingerprints import changed, fingerprints
from fairseq_signals.data.item import Item, Packed, Packing, Reject, Stated
from fairseq_signals.data.limb_leads import with_limb_leads
from fairseq_signals.data.padding import without_padding
from fairseq_signals.data.parent import leave_with, stop_if_orphaned
from fairseq_signals.data.readers import files_of, read_record, reader_of
from fairseq_signals.data.record import Record
from fairseq_signals.data.resample import resample_record
from fairseq_signals.data.self_test import examine
from fairseq_signals.data.store import ShardWriter, Store
from fairseq_signals.data.waveform_digest import waveform_digest

_KEPT_META = ("age", "sex", "comments", "derived", "notes")


def pack(
    items: Sequence[Item],
    root: Path,
    store: Path,
    reports: Path,
    packing: Packing,
    workers: int = 1,
    stated: Stated | None = None,
    checksums: Checksums | None = None,
    dask: str | None = None,
) -> tuple[list[Packed], list[Reject]]:
    """Packs what is not packed yet and returns everything, in the order of the items.

    Args:
        items: recordings, in an order that does not change from run to run.
        root: folder of the source.
        store: folder for the shards, which exists.
        reports: folder for the chunks' reports, which exists.
        packing: how.
        workers: processes.
        stated: what is known of the files that they do not say.
        checksums: as the source publishes them.
        dask: address of a Dask scheduler to work on instead of processes of this machine.

    Raises:
        ValueError: a file changed while it was read, or after it was.
    """
    # Absolute, since workers elsewhere begin in folders of their own.
    root, store, reports = root.resolve(), store.resolve(), reports.resolve()
    chunks = [items[start : start + packing.per_shard] for start in range(0, len(items), packing.per_shard)]
    open_chunks = [number for number in range(len(chunks)) if not _is_done(number, root, store, reports)]
    done = len(items) - sum(len(chunks[number]) for number in open_chunks)
    stated = stated or Stated()
    parent = None if dask else os.getpid()
    tasks = (
        (number, chunks[number], root, store, reports, packing, stated, _published(checksums, chunks[number]), parent)
        for number in open_chunks
    )
    with (
        tqdm(total=len(items), initial=done, desc="packing", unit="recording", smoothing=0.1) as progress,
        engine(workers, dask) as work,
    ):
        for count in work(_pack_chunk, tasks):
            progress.update(count)
    return _collect(chunks, root, reports)


def _changed_error(names: Sequence[str]) -> ValueError:
    return ValueError(
        f"files must stay as they are while they are prepared, got {len(names)} that changed, such as {names[0]}; when "
        f"nothing writes to the source any more, the same command packs them again"
    )


def _published(checksums: Checksums | None, items: Sequence[Item]) -> dict[str, str]:
    return checksums.of({item.file for item in items}) if checksums else {}


def _collect(chunks: Sequence[Sequence[Item]], root: Path, reports: Path) -> tuple[list[Packed], list[Reject]]:
    packed, rejects, different = [], [], []
    seen: dict[Any, Any] = {}  # the same few texts stand in every report: each is kept once
    for number, chunk in enumerate(chunks):
        report = _read_report(number, reports)
        different += changed(root, report["files"])
        packed += [Packed(chunk[entry.pop("place")], **_shared(entry, seen)) for entry in report["packed"]]
        rejects += [Reject(chunk[entry.pop("place")], **entry) for entry in report["rejected"]]
    if different:
        raise _changed_error(different)
    return packed, rejects


def _pack_chunk(
    number: int,
    items: Sequence[Item],
    root: Path,
    store: Path,
    reports: Path,
    packing: Packing,
    stated: Stated,
    digests: dict[str, str],
    parent: int | None,
) -> int:
    packed, rejected, seen = [], [], {}
    leave_with(parent)
    if not root.is_dir():  # or everything would be missing
        raise FileNotFoundError(f"source must be a folder that every worker sees, got {root} on {gethostname()}")
    with ShardWriter(store, _shard(number)) as writer:
        for place, item in enumerate(items):
            stop_if_orphaned(parent)
            reader, files = _reader_and_files(root / item.file)
            seen |= fingerprints(root, files)  # before reading: whatever changes later is then noticed
            try:
                if wrong := damaged(root, files, digests):
                    raise Rejected("checksum", f"{wrong[0]} must have the SHA-256 that {LIST_NAME} tells, got another")
                record, facts = _usable_record(root / item.file, item.row, packing, stated, reader)
            except Rejected as reason:
                message = str(reason).replace(f"{root}{os.sep}", "")  # equal input gives equal bytes anywhere
                rejected.append({"place": place, "fault": reason.fault, "message": message})
            else:
                row = writer.add(record.signal)
                packed.append({"place": place, "ecg": f"{_shard(number)}:{row}"} | facts)
        stop_if_orphaned(parent)
    with written_whole(_report(number, reports), "w") as file:
        # At once: written piece by piece, JSON is made by Python instead of C.
        file.write(json.dumps({"packed": packed, "rejected": rejected, "files": seen}, default=str))
    return len(items)


def _reader_and_files(path: Path) -> tuple[ModuleType | None, list[Path]]:
    try:
        reader = reader_of(path)
        return reader, files_of(path, reader)
    except (ValueError, OSError):  # reading it will say what is wrong
        return None, [path]


def _usable_record(
    path: Path, row: int | None, packing: Packing, stated: Stated, reader: ModuleType | None
) -> tuple[Record, dict[str, Any]]:
    """The recording as it is to be stored, and what the report says of it."""
    record = _relabelled(_read(path, row, stated, reader), packing.relabel)
    if stated.zero_padded:
        record = without_padding(record)
    recorded = record
    if not set(packing.leads) <= set(record.leads):
        record = with_limb_leads(record)
    bound = packing.bound_mv if stated.calibrated else float("inf")
    record = usable(record, packing.leads, bound, packing.shortest_s)
    if packing.rate is not None:
        try:
            record = resample_record(record, packing.rate)
        except ValueError as error:
            raise Rejected("rate", str(error)) from error
    return record, _facts(record, recorded)


def _relabelled(record: Record, pairs: tuple[tuple[str, str], ...]) -> Record:
    """The record with its channels' right names; what its reader derived from wrong ones is derived anew."""
    derived = record.meta.get("derived", ()) if pairs else ()
    if not derived:
        return record.renamed(dict(pairs))
    recorded = record.select(tuple(lead for lead in record.leads if lead not in derived)).renamed(dict(pairs))
    return with_limb_leads(replace(recorded, meta={**record.meta, "derived": ()}))


def _read(path: Path, row: int | None, stated: Stated, reader: ModuleType | None) -> Record:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what readers find odd also stands in meta["notes"], which is kept
            return _read_as_stated(path, row, stated, reader)
    except FileNotFoundError as error:
        raise Rejected("missing", str(error)) from error
    except ImportError:  # the file is not to blame
        raise
    except ValueError as error:
        raise Rejected("unreadable", str(error)) from error
    except Exception as error:  # whatever a damaged file does to a reader, the other recordings are to be packed
        raise Rejected("unreadable", f"{type(error).__name__}: {error}") from error


def _read_as_stated(path: Path, row: int | None, stated: Stated, reader: ModuleType | None) -> Record:
    if stated.where_missing:
        try:
            return read_record(path, row=row, reader=reader)
        except ValueError:  # perhaps for want of what is stated; if not, it fails again and says why
            pass
    return read_record(path, stated.rate, stated.leads, stated.unit, row, reader)


def _facts(record: Record, recorded: Record) -> dict[str, Any]:
    return {
        "length": record.signal.shape[1],
        "rate": record.rate,
        "leads": record.leads,
        "patient": record.patient,
        "labels": record.labels,
        "meta": {name: record.meta[name] for name in _KEPT_META if record.meta.get(name) not in (None, ())},
        "digest": waveform_digest(recorded),
        "facts": examine(recorded),
    }


def _shared(value: Any, seen: dict[Any, Any]) -> Any:
    """The same value with equal texts and lists being one object, and tuples where JSON made lists of them."""
    if isinstance(value, dict):
        return {seen.setdefault(name, name): _shared(one, seen) for name, one in value.items()}
    if isinstance(value, list):
        value = tuple(_shared(one, seen) for one in value)
    return seen.setdefault(value, value) if isinstance(value, str | tuple) else value


def _shard(number: int) -> str:
    return f"shard-{number:05d}"


def _report(number: int, reports: Path) -> Path:
    return reports / f"{_shard(number)}.json"


def _read_report(number: int, reports: Path) -> dict[str, Any]:
    return json.loads(_report(number, reports).read_text(encoding="utf-8"))


def _is_done(number: int, root: Path, store: Path, reports: Path) -> bool:
    if not _report(number, reports).is_file() or changed(root, _read_report(number, reports)["files"]):
        return False
    try:
        Store(store).index(_shard(number))
    except (ValueError, FileNotFoundError):  # somebody took the shard away: it is packed again
        return False
    return True
