"""ECGs in SCP-ECG files (EN 1064, ISO 11073-91064), decoded by ecgdatakit: the rhythm data of section 6.

Plain samples, first and second differences, Huffman codes (the standard's table or the file's) and reference beat
subtraction are read. Refused by name: rhythm data thinned between beats ("bimodal"), the long-term section 12 of
version 3, unstated amplitudes, leads defined twice. Leads that begin at different samples are put in their place, with
NaN where they have none, and noted.

`meta`: `age` (years), `sex`, `started`, `device`, `statements`, `notes` (a wrong checksum among them).

What the library would take on trust is checked before it is called: how many samples the leads claim, against what
their bytes can hold, because it reserves memory for all of them first.

Source: EN 1064:2005+A1:2007, 5.4 to 5.9; leads' codes in its table of section 3 (1 is I, 61 is III).
"""

import struct
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers._facts import age_between, sex, words, written
from fairseq_signals.data.readers._libraries import vendor_library
from fairseq_signals.data.readers._numbers import rate_of_interval
from fairseq_signals.data.readers._vendor import About, Channel, Passed, vendor_record
from fairseq_signals.data.record import Record

FORMAT = "SCP-ECG"

LARGEST_FILE = 16 * 2**20  # bytes; a lead's data are at most 64 KiB

LEAD_CODES = dict(zip((1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), STANDARD_LEADS, strict=True))
"""The standard leads by their code; ISO 11073-10101 (MDC) and DICOM have the same numbers."""

_PREAMBLE, _HEADER, _POINTER, _LEAD = 6, 16, 10, 9  # bytes
_SECTIONS = 13  # numbered from 0
_MOST_LEADS = 32


class _Lead(NamedTuple):
    """Where a lead lies: its first and last sample, counted from 1, and its code."""

    first: int
    last: int
    code: int


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file begins with section 0 of an SCP-ECG record, which names or points to itself."""
    if len(head) < _PREAMBLE + _HEADER + _POINTER:
        return False
    number, length = struct.unpack_from("<HI", head, 8)
    if number or length < _HEADER + _POINTER * 2 or (length - _HEADER) % _POINTER:
        return False
    return head[16:22] == b"SCPECG" or struct.unpack_from("<HII", head, 22) == (0, length, 7)


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The rhythm recording in an SCP-ECG file.

    Args:
        path: the file.
        rate: must agree with the file's, if given.
        leads: must agree with the file's, if given.
        unit: must agree with microvolts, if given.

    Raises:
        ValueError: the file is damaged, or compressed in a way that cannot be undone with certainty; names the file.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(f"an SCP-ECG file must be at most {LARGEST_FILE} bytes, got {size} ({path})")
    defined = _lead_definitions(path.read_bytes(), path)
    content, notes = _parse(path)
    stored = content.leads
    if len(stored) != len(defined):
        raise ValueError(f"section 6 must hold the {len(defined)} leads of section 3, got {len(stored)} ({path})")
    if any(lead.resolution_unit != "uV" for lead in stored):
        raise ValueError(f"amplitudes must have a multiplier other than 0, got 0 ({path})")
    names = [LEAD_CODES.get(where.code, lead.label) for where, lead in zip(defined, stored, strict=True)]
    samples = _in_place([lead.samples for lead in stored], defined, notes, path)
    channels = [
        Channel(name, values, lead.resolution, "uV") for name, values, lead in zip(names, samples, stored, strict=True)
    ]
    seconds = content.raw_metadata["rhythm_sample_interval_us"] / 1e6
    return vendor_record(
        path, channels, rate_of_interval(seconds, path), Passed(rate, leads, unit), _about(content, notes)
    )


def _lead_definitions(raw: bytes, path: Path) -> list[_Lead]:
    """The leads of section 3, whose claims fit the bytes of section 6."""
    try:
        sections = _sections(raw)
        body = sections[3]
        leads = [_Lead(*struct.unpack_from("<IIB", body, 2 + _LEAD * i)) for i in range(body[0])]
        room = 8 * len(sections[6])  # a sample takes at least a bit
    except (struct.error, IndexError, KeyError) as error:
        raise ValueError(f"an SCP-ECG file must have whole sections 3 and 6, got {error!r} ({path})") from error
    if len(leads) > _MOST_LEADS:
        raise ValueError(f"a recording must have at most {_MOST_LEADS} leads, got {len(leads)} ({path})")
    for lead in leads:
        if not 1 <= lead.first <= lead.last or lead.last - lead.first >= room:
            expected = f"at least 1 and fit section 6 ({room // 8} bytes)"
            raise ValueError(f"a lead's samples must be {expected}, got {lead.first} to {lead.last} ({path})")
    codes = [lead.code for lead in leads if lead.code in LEAD_CODES]
    if len(set(codes)) < len(codes):
        raise ValueError(f"each lead must be defined once, got codes {codes} ({path})")
    return leads


def _sections(raw: bytes) -> dict[int, bytes]:
    """The bodies of the sections that section 0 points to."""
    length = struct.unpack_from("<I", raw, 10)[0]
    bodies = {}
    for place in range(_PREAMBLE + _HEADER, min(_PREAMBLE + length, len(raw)) - _POINTER + 1, _POINTER):
        number, size, index = struct.unpack_from("<HII", raw, place)
        if 0 < number < _SECTIONS and size >= _HEADER and index:
            bodies[number] = raw[index - 1 + _HEADER : index - 1 + size]
    return bodies


def _parse(path: Path) -> tuple[Any, list[str]]:
    """The library's record, and what it warns about."""
    library = vendor_library("ecgdatakit.parsing.parsers.scp_ecg", path)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            content = library.SCPECGParser().parse(path)
    except Exception as error:  # damage shows in the library, struct or NumPy, each in its own way
        raise ValueError(f"an SCP-ECG file must be decodable, got {str(error) or repr(error)} ({path})") from error
    return content, [str(one.message) for one in caught]


def _in_place(samples: list[np.ndarray], defined: list[_Lead], notes: list[str], path: Path) -> list[np.ndarray]:
    """The leads on one axis of time, `[T]` each; NaN where a lead was not recorded."""
    begin, end = min(lead.first for lead in defined), max(lead.last for lead in defined)
    if all((lead.first, lead.last) == (begin, end) for lead in defined):
        return samples
    length = end - begin + 1
    if length > sum(map(len, samples)):
        raise ValueError(f"leads must follow each other, got gaps between samples {begin} and {end} ({path})")
    notes.append("leads must be recorded at the same time, got different first or last samples: filled with NaN")
    placed = []
    for values, lead in zip(samples, defined, strict=True):
        whole = np.full(length, np.nan)
        whole[lead.first - begin : lead.last - begin + 1] = values
        placed.append(whole)
    return placed


def _about(content: Any, notes: list[str]) -> About:
    patient, began = content.patient, content.recording.date
    exact = age_between(patient.birth_date, began)
    meta = {
        "age": float(patient.age) if exact is None and patient.age is not None else exact,
        "sex": sex(patient.sex),
        "started": written(began.replace(tzinfo=None)) if began else None,
        "device": words(content.recording.device.manufacturer, content.recording.device.model),
        "statements": tuple(text for text, _ in content.interpretation.statements),
    }
    return About(None, patient.patient_id, meta, notes)
