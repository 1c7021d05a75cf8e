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
`checksum_ok`, `dropped` (channels that are no standard lead), `started` (as written), `notes`; `gain`, `baseline`
and `unit`, one per lead, where the record is of one segment.

Differs from the wfdb package: it refuses records named with their extension, and reads `µV` as `V`.
Source: PhysioNet, "WFDB Applications Guide", https://physionet.org/physiotools/wag/.
"""

import math
from dataclasses import replace
from pathlib import Path

from fairseq_signals.data.readers._facts import sex
from fairseq_signals.data.readers._wfdb_header import path_beside, read_header
from fairseq_signals.data.readers._wfdb_segments import read_segments
from fairseq_signals.data.readers._wfdb_signals import read_signals
from fairseq_signals.data.record import Record

FORMAT = "WFDB (.hea with .dat, .mat or FLAC beside it)"

_PATIENT_KEYS = ("patient", "patient_id", "patient id", "subject_id", "subject id")
_UNKNOWN = ("", "unknown", "nan", "none", "n/a", "na", "null", "anonymous", "?", "-")


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


def files(path: Path) -> list[Path]:
    """The header, and the signal files or segments that it names.

    Raises:
        ValueError: the header cannot be read, or names a file outside its folder.
    """
    header = read_header(header_of(path) or path)
    named = dict.fromkeys(line.file for line in header.signals)
    found = [header.path, *(path_beside(header.path, name) for name in named)]
    for name, _ in header.segments:
        if name != "~":
            segment = path_beside(header.path, f"{name}.hea")
            found += [segment] if segment == header.path or not segment.is_file() else files(segment)
    return found


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
    record = (read_segments if header.segments else read_signals)(header, rate, leads, unit)
    patient = next((header.comments[key] for key in _PATIENT_KEYS if key in header.comments), "")
    codes = (code.strip() for code in header.comments.get("dx", "").split(","))
    meta = {
        "age": _age(header.comments.get("age", "")),
        "sex": sex(header.comments.get("sex")),
        "started": header.started or None,
        "comments": header.comments,
    }
    return replace(
        record,
        patient=None if patient.lower() in _UNKNOWN else patient,
        labels=tuple(dict.fromkeys(code for code in codes if code.lower() not in _UNKNOWN)),
        meta=record.meta | meta,
    )


def _age(text: str) -> float | None:
    try:
        age = float(text)
    except ValueError:
        return None
    return age if 0 <= age < math.inf else None
