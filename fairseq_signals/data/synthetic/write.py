"""Records as WFDB files: a text header, and 16-bit samples beside it, as PhysioNet publishes them."""

import os
from pathlib import Path

import numpy as np

from fairseq_signals.data.atomic import partial_path
from fairseq_signals.data.record import Record

GAIN = 1000  # ADC units per mV, as in the PhysioNet/CinC Challenge 2021


def write_wfdb(records: list[Record], dest: "str | Path") -> list[Path]:
    """Paths of the headers written for the records into one folder; files already there and whole are kept.

    Each record becomes `id.dat` (WFDB format 16: little-endian, samples interleaved) and `id.hea` with gain
    1000/mV, baseline 0, and comments `#Age`, `#Sex`, `#Dx` and `#Patient`. The header comes last and both
    arrive under their names whole, so a header's presence means a whole record.

    Args:
        records: signals in mV, at most 32 mV in size.
        dest: the folder; made where it is missing.

    Raises:
        ValueError: a signal does not fit 16 bits at this gain, or is not finite.
    """
    folder = Path(dest)
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(record, folder) for record in records]


def is_complete(folder: Path, name: str, samples: int) -> bool:
    """Whether a record of twelve leads and this many samples stands in the folder, whole."""
    data = folder / f"{name}.dat"
    return (folder / f"{name}.hea").is_file() and data.is_file() and data.stat().st_size == 24 * samples


def _write(record: Record, folder: Path) -> Path:
    adc = _quantised(record)
    header = _header(record, adc)
    path = folder / f"{record.id}.hea"
    data = folder / f"{record.id}.dat"
    whole = data.is_file() and data.stat().st_size == 2 * adc.size
    if not (whole and path.is_file() and path.read_text() == header):
        _place(data, adc.T.astype("<i2").tobytes())
        _place(path, header.encode())
    return path


def _quantised(record: Record) -> np.ndarray:
    """`[L, T]` ADC units as int16."""
    adc = np.rint(record.signal.astype(np.float64) * GAIN)
    if not np.isfinite(adc).all() or np.abs(adc).max(initial=0) > 32767:  # -32768 means invalid in WFDB
        raise ValueError(
            f"signal must be finite and within ±32.767 mV, got {np.abs(record.signal).max()} mV ({record.id})"
        )
    return adc.astype(np.int16)


def _header(record: Record, adc: np.ndarray) -> str:
    lines = [f"{record.id} {len(record.leads)} {record.rate:g} {adc.shape[1]}"]
    for lead, row in zip(record.leads, adc, strict=True):
        checksum = int(row.astype(np.int64).sum()) & 0xFFFF
        checksum -= 0x10000 if checksum > 0x7FFF else 0
        lines.append(f"{record.id}.dat 16 {GAIN}(0)/mV 16 0 {row[0]} {checksum} 0 {lead}")
    sex = str(record.meta.get("sex") or "Unknown").capitalize()
    lines += [f"#Age: {record.meta.get('age', 'Unknown')}", f"#Sex: {sex}"]
    lines += [f"#Dx: {','.join(record.labels) or 'Unknown'}"]
    lines += [f"#Patient: {record.patient}"] if record.patient else []
    return "\n".join(lines) + "\n"


def _place(path: Path, content: bytes) -> None:
    """Writes a file that appears under its name only when it is whole."""
    part = partial_path(path)  # renamed but not flushed to the disk each time: example data can be made again
    part.write_bytes(content)
    os.replace(part, path)
