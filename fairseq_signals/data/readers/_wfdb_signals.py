"""The record of one WFDB header with signals: leads chosen, samples verified and turned into millivolts."""

import math

import numpy as np

from fairseq_signals.data.leads import common_name
from fairseq_signals.data.montage import choose_leads, millivolts_per
from fairseq_signals.data.readers._wfdb_header import Header, SignalLine
from fairseq_signals.data.readers._wfdb_samples import INVALID, read_samples
from fairseq_signals.data.record import Record

_UNCALIBRATED_GAIN = 200.0
_UNSTATED_RATE = 250.0  # Hz


def read_signals(header: Header, rate: float | None, leads: tuple[str, ...] | None, unit: str | None) -> Record:
    """The record of a single-segment header; rate, leads and unit as `read_record` takes them."""
    where, notes = str(header.path), []
    chosen = choose_leads(_names(header, leads), where, strict=not any(line.name for line in header.signals))
    lines = [header.signals[row] for row in chosen.rows]
    per_millivolt = [_steps_per_millivolt(line, unit, where) for line in lines]
    if len({line.per_frame for line in lines}) > 1:
        raise ValueError(f"leads must share one sampling rate, got several samples per frame ({where})")
    hertz = agreed_rate(header, rate, notes) * lines[0].per_frame
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


def _names(header: Header, leads: tuple[str, ...] | None) -> list[str]:
    names = [line.name for line in header.signals]
    if leads is None and None in names:
        raise ValueError(f"every signal line must name its lead, or leads must be passed, got no name ({header.path})")
    if leads is None:
        return names
    agree = len(leads) == len(names) and all(
        name in (None, lead) or common_name(name) == common_name(lead) for name, lead in zip(names, leads, strict=True)
    )
    if not agree:
        raise ValueError(f"leads must agree with the header's {names}, got {list(leads)} ({header.path})")
    return list(leads)


def agreed_rate(header: Header, rate: float | None, notes: list[str]) -> float:
    """The frame rate in Hz that a header states or the caller passes, else the standard's, with a note."""
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
    stated, wrong = False, []
    for row, (line, values) in enumerate(zip(header.signals, samples, strict=True)):
        sums = line.checksum is None or (int(values.sum(dtype=np.int64)) - line.checksum) % 65536 == 0
        begins = line.first is None or not len(values) or int(values[0]) == line.first
        stated |= line.checksum is not None or line.first is not None
        wrong += [] if sums and begins else [line.name or f"signal {row + 1}"]
    if wrong:
        notes.append(f"checksums and initial values must agree with the samples, got a mismatch in {', '.join(wrong)}")
    return not wrong if stated else None
