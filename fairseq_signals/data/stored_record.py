"""One row of a manifest as a record: the stored signal in millivolts, with what the manifest tells of it."""

import numpy as np

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import Store
from fairseq_signals.data.table import STORE_FOLDER


def record_of_row(manifest: Manifest, row: Row) -> Record:
    """The recording that a row names, from its `start` for its `length`.

    Args:
        manifest: where the row stands; its folder holds the store or the file.
        row: one of its rows.

    Returns:
        A record in mV; `labels` are the codes that apply, `meta` holds the further columns, `unknown` (codes) and
        `unlabelled`.

    Raises:
        ValueError, FileNotFoundError: the recording is not there, or not as the row tells.
    """
    where = f"record {row.id}, {manifest.path}, line {row.line}"
    try:
        signal = _stored(manifest, row) if row.stored else _from_file(manifest, row)
        if signal.shape != (len(row.leads), row.length):
            raise ValueError(
                f"recording must have {len(row.leads)} leads of at least {row.start + row.length} samples, as its "
                f"row tells, got {signal.shape[0]} leads of {row.start + signal.shape[1]}"
            )
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error} ({where})") from error
    except ValueError as error:
        raise ValueError(f"{error} ({where})") from error
    meta = {**row.extra, "unknown": row.unknown, "unlabelled": row.unlabelled}
    return Record(signal, row.rate, row.leads, row.id, row.patient, row.labels, meta)


def place_of_id(manifest: Manifest, id: str) -> int:
    """Place of the row with an id.

    Raises:
        ValueError: no row has it.
    """
    try:
        return manifest.column("id").index(id)
    except ValueError:
        raise ValueError(f"id must be one of the manifest's, got {id!r} ({manifest.path})") from None


def _stored(manifest: Manifest, row: Row) -> np.ndarray:
    shard, number = row.stored
    return Store(manifest.folder / STORE_FOLDER).millivolts(shard, number, row.start, row.start + row.length)


def _from_file(manifest: Manifest, row: Row) -> np.ndarray:
    record = read_record(manifest.folder / row.ecg).select(row.leads)
    if record.rate != row.rate:
        raise ValueError(f"rate must be {row.rate:g} Hz, as the row tells, got {record.rate:g}")
    return record.signal[:, row.start : row.start + row.length]
