"""WFDB records: a `.hea` header with `.dat`, `.mat` or FLAC signal files (PhysioNet, CinC challenges, PTB-XL).

What the header states is converted or verified, never assumed:

- amplitude = (digital value - baseline) / gain, in the stated unit, as millivolts; a gain that is missing or 0 is
  the standard's "uncalibrated", read as 200 steps per unit with a note;
- checksums and initial values are compared with the samples. A mismatch sets `meta["checksum_ok"]` to False
  and adds a note; the recording is still read, since only the preparation knows whether to keep it.
  `checksum_ok` is True where all agree and None where the header has none;
- a signal file shorter than stated is an error; a longer one too (a header that leaves out a signal mixes up all
  the others), unless every checksum proves the header right;
- samples marked as invalid become NaN.

In `meta`: `age` (years or None), `sex` ("male", "female" or None), `comments` (all, by lower-case name),
`checksum_ok`, `gain`, `baseline` and `unit` (one per lead), `dropped`, `started` (as written), `notes`.

Differs from the wfdb package: it refuses records named with their extension, and reads `µV` as `V`.
Source: PhysioNet, "WFDB Applications Guide", https://physionet.org/physiotools/wag/.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead
from fairseq_signals.data.montage import choose_leads, millivolts_per
from fairseq_signals.data.readers._wfdb_header import Header, SignalLine, path_beside, read_header
from fairseq_signals.data.readers._wfdb_samples import INVALID, read_samples
from fairseq_signals.data.record import Record

FORMAT = "WFDB (.hea with .dat, .mat or FLAC beside it)"

_UNCALIBRATED_GAIN = 200.0
_UNSTATED_RATE = 250.0  # Hz
_LONGEST_GAP = 100  # a gap is filled with NaN, so a false length could claim any amount of memory
_PATIENT_KEYS = ("patient", "patient_id", "patient id", "subject_id", "subject id")
_UNKNOWN = ("", "unknown", "nan", "none", "n/a", "?", "-")
_SEXES = {"male": "male", "m": "male", "female": "female", "f": "female"}


def recognises(path: Path, head: bytes) -> bool:
    """Whether the path is a WFDB header, a record's name without extension, or a signal file named by a header."""
    named = path.suffix.lower() == ".hea" and path.is_file()
    return (named and b"\0" not in head) or header_of(path) is not None


def header_of(path: Path) -> Path | None:
    """The WFDB header that describes a record or one of its signal files, or None."""
    if not path.is_file():
        named = path.parent / f"{path.name}.hea"
        return named if path.name and named.is_file() else None
    beside = path.with_suffix(".hea")
    if beside == path or not beside.is_file():
        return None
    mentioned = any(line.split()[:1] == [path.name.encode()] for line in beside.read_bytes().splitlines()[1:])
    return beside if mentioned else None


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The recording that a WFDB header describes.

    Args:
        path: the header, the record without extension, or a signal file beside its header.
        rate: Hz, where the header does not state it; else it must agree.
        leads: channel names in the file's order, where the header has none; else they must agree.
        unit: unit of all leads, where the header does not state it; else it must agree.

    Raises:
        FileNotFoundError: a signal file or segment is missing.
        ValueError: the record cannot be read as stated; names the file and what was expected.
    """
    header = read_header(header_of(path) or path)
    record = _read_segments(header, rate, leads, unit) if header.segments else _read_signals(header, rate, leads, unit)
    patient = next((header.comments[key] for key in _PATIENT_KEYS if key in header.comments), "")
    codes = (code.strip() for code in header.comments.get("dx", "").split(","))
    meta = {
        "age": _age(header.comments.get("age", "")),
        "sex": _SEXES.get(header.comments.get("sex", "").lower()),
        "started": header.started or None,
        "comments": header.comments,
    }
    return replace(
        record,
        patient=None if patient.lower() in _UNKNOWN else patient,
        labels=tuple(dict.fromkeys(code for code in codes if code.lower() not in _UNKNOWN)),
        meta=record.meta | meta,
    )


def _read_signals(header: Header, rate: float | None, leads: tuple[str, ...] | None, unit: str | None) -> Record:
    where, notes = str(header.path), []
    chosen = choose_leads(_names(header, leads), where, strict=not any(line.name for line in header.signals))
    lines = [header.signals[row] for row in chosen.rows]
    per_millivolt = [_steps_per_millivolt(line, unit, where) for line in lines]
    if len({line.per_frame for line in lines}) > 1:
        raise ValueError(f"leads must share one sampling rate, got several samples per frame ({where})")
    hertz = _rate(header, rate, notes) * lines[0].per_frame
    samples, longer = read_samples(header)
    checksum_ok = _verify(header, samples, notes)
    if longer and not (checksum_ok and all(line.checksum is not None for line in header.signals)):
        raise ValueError(f"signal file {longer[0]} must end where its header says, got more samples ({where})")
    if any(line.gain is None for line in lines):
        notes.append(f"gain must be stated, got none or 0: read as {_UNCALIBRATED_GAIN:g} steps per unit")
    if chosen.unknown:
        notes.append(f"channels must be known leads, got {', '.join(chosen.unknown)}: dropped")
    signal = np.empty((len(lines), len(samples[chosen.rows[0]])), np.float32)
    for i, (row, line, steps) in enumerate(zip(chosen.rows, lines, per_millivolt, strict=True)):
        signal[i] = _millivolts(samples[row], line, steps)
    meta = {
        "checksum_ok": checksum_ok,
        "gain": tuple(line.gain for line in lines),
        "baseline": tuple(line.baseline for line in lines),
        "unit": tuple(line.unit for line in lines),
        "dropped": chosen.dropped,
        "notes": tuple(notes),
    }
    return Record(signal, hertz, chosen.leads, id=header.path.stem, meta=meta)


def _read_segments(header: Header, rate: float | None, leads: tuple[str, ...] | None, unit: str | None) -> Record:
    """One record from its segments, of fixed or variable layout; leads and stretches that are absent are NaN."""
    where, parts, start, held = str(header.path), [], 0, 0
    for name, length in header.segments:
        segment = None if name == "~" or length == 0 else _segment(header, name)
        if segment is not None and _has_leads(segment, leads):
            part = _read_signals(segment, rate or header.rate, leads, unit)
            if part.signal.shape[1] != length:
                raise ValueError(f"segment {name} must hold {length} samples, got {part.signal.shape[1]} ({where})")
            parts.append((start, part))
            held += length
        start += length
    total = start if header.length is None else header.length
    if total != start or start > held * _LONGEST_GAP or len({part.rate for _, part in parts}) != 1:
        raise ValueError(
            f"segments must add up to the record's {total} samples, mostly recorded and at one rate, "
            f"got {start} of which {held} recorded ({where})"
        )
    kept = tuple(lead for lead in STANDARD_LEADS if any(lead in part.leads for _, part in parts))
    signal = np.full((len(kept), total), np.nan, np.float32)
    for start, part in parts:
        rows = [kept.index(lead) for lead in part.leads]
        signal[rows, start : start + part.signal.shape[1]] = part.signal
    verdicts = [part.meta["checksum_ok"] for _, part in parts]
    meta = {
        "checksum_ok": False if False in verdicts else None if None in verdicts else True,
        "dropped": tuple(dict.fromkeys(name for _, part in parts for name in part.meta["dropped"])),
        "notes": tuple(dict.fromkeys(note for _, part in parts for note in part.meta["notes"])),
    }
    return Record(signal, parts[0][1].rate, kept, id=header.path.stem, meta=meta)


def _segment(header: Header, name: str) -> Header:
    path = path_beside(header.path, name + ".hea")
    if not path.is_file():
        raise FileNotFoundError(f"segment {name} must have a header beside the record's, got none ({header.path})")
    segment = read_header(path)
    if segment.segments:
        raise ValueError(f"a segment must hold signals, got segments again in {path.name} ({header.path})")
    return segment


def _has_leads(segment: Header, leads: tuple[str, ...] | None) -> bool:
    return leads is not None or any(canonical_lead(line.name or "") in STANDARD_LEADS for line in segment.signals)


def _names(header: Header, leads: tuple[str, ...] | None) -> list[str]:
    names = [line.name for line in header.signals]
    if leads is None and None in names:
        raise ValueError(f"every signal line must name its lead, or leads must be passed, got no name ({header.path})")
    if leads is None:
        return names
    agree = len(leads) == len(names) and all(
        name in (None, lead) or (canonical_lead(name) or name) == (canonical_lead(lead) or lead)
        for name, lead in zip(names, leads, strict=True)
    )
    if not agree:
        raise ValueError(f"leads must agree with the header's {names}, got {list(leads)} ({header.path})")
    return list(leads)


def _rate(header: Header, rate: float | None, notes: list[str]) -> float:
    if header.rate and rate and not math.isclose(header.rate, rate):
        raise ValueError(f"rate must agree with the header's {header.rate:g} Hz, got {rate:g} ({header.path})")
    if not (header.rate or rate):
        notes.append(f"sampling rate must be stated, got none: read as the standard's {_UNSTATED_RATE:g} Hz")
    return float(header.rate or rate or _UNSTATED_RATE)


def _steps_per_millivolt(line: SignalLine, unit: str | None, where: str) -> float:
    factor = millivolts_per(line.unit or unit or "mV", f"lead {line.name}, {where}")  # mV is the standard's default
    if unit is not None and millivolts_per(unit, where) != factor:
        raise ValueError(f"unit must agree with the header's {line.unit}, got {unit} ({where})")
    return (line.gain or _UNCALIBRATED_GAIN) / factor


def _millivolts(digital: np.ndarray, line: SignalLine, steps: float) -> np.ndarray:
    values = (digital.astype(np.float64) - line.baseline) / steps
    if line.format in INVALID:
        values[digital == INVALID[line.format]] = np.nan
    if line.skew:
        late = min(line.skew * line.per_frame, len(values))
        values = np.concatenate([values[late:], np.full(late, np.nan)])
    return values


def _verify(header: Header, samples: list[np.ndarray], notes: list[str]) -> bool | None:
    """Whether all checksums and initial values that the header states agree with the samples; None if none is."""
    verdicts = []
    for line, values in zip(header.signals, samples, strict=True):
        if line.checksum is not None:
            verdicts.append((int(values.sum(dtype=np.int64)) - line.checksum) % 65536 == 0)
        if line.first is not None and len(values):
            verdicts.append(int(values[0]) == line.first)
    if not all(verdicts):
        notes.append("checksums and initial values must agree with the samples, got a mismatch")
    return all(verdicts) if verdicts else None


def _age(text: str) -> float | None:
    try:
        age = float(text)
    except ValueError:
        return None
    return age if 0 <= age < math.inf else None
