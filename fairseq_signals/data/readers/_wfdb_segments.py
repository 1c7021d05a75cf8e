"""One record from a WFDB header with segments, of fixed or variable layout."""

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead
from fairseq_signals.data.readers._wfdb_header import Header, path_beside, read_header
from fairseq_signals.data.readers._wfdb_signals import agreed_rate, read_signals
from fairseq_signals.data.record import Record

_LONGEST_GAP = 100  # times what was recorded: gaps become NaN, so a false length could claim any amount of memory


def read_segments(header: Header, rate: float | None, leads: tuple[str, ...] | None, unit: str | None) -> Record:
    """The segments one after the other; leads and stretches that are absent are NaN.

    Segments of several samples per frame are refused.
    """
    rate, parts, start = agreed_rate(header, rate, []) if header.rate else rate, [], 0
    for name, length in header.segments:
        segment = None if name == "~" or length == 0 else _segment(header, name)
        if segment is not None and _has_leads(segment, leads):
            parts.append((start, read_signals(segment, rate, leads, unit)))
            if parts[-1][1].signal.shape[1] != length:
                got = parts[-1][1].signal.shape[1]
                raise ValueError(f"segment {name} must hold {length} samples, got {got} ({header.path})")
        start += length
    _check_lengths(header, start, [part for _, part in parts])
    return _join(header, start, parts)


def _check_lengths(header: Header, length: int, parts: list[Record]) -> None:
    held = sum(part.signal.shape[1] for part in parts)
    total = length if header.length is None else header.length
    if total != length or length > held * _LONGEST_GAP or len({part.rate for part in parts}) != 1:
        raise ValueError(
            f"segments must add up to the record's {total} samples, mostly recorded and at one rate, "
            f"got {length} of which {held} recorded ({header.path})"
        )


def _join(header: Header, length: int, parts: list[tuple[int, Record]]) -> Record:
    kept = tuple(lead for lead in STANDARD_LEADS if any(lead in part.leads for _, part in parts))
    signal = np.full((len(kept), length), np.nan, np.float32)
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
