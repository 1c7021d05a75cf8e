"""ECGs that GE MUSE exports as XML (`<RestingECG>`): the rhythm waveform, never the median beats.

MUSE usually stores eight leads (I, II, V1 to V6), sometimes twelve; limb leads that are absent are derived. Samples are
16-bit integers, little-endian, in Base64, lead by lead, with amplitude per step and unit beside them (usually 4.88 µV).

`meta` holds what the file says: `age` (years), `sex`, `started`, `device`, `statements` (lines of the confirmed
diagnosis), `notes`. A statement that runs over several elements is put together.

Differs from other readers of this format: a lead without resolution or unit is refused instead of being taken for
4.88 µV, and one whose bytes do not fit its own count or size is refused instead of being cut.

Source: the format has no public specification; facts are those of public exports of MUSE 8 and 9 (LeadDataCRC32 is
the usual CRC-32 of the bytes).
"""

import zlib
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from fairseq_signals.data.readers._facts import age, age_between, moment, sex, words, written
from fairseq_signals.data.readers._numbers import count, from_base64, number, sensible_rate
from fairseq_signals.data.readers._vendor import About, Channel, Passed, most_leads, vendor_record
from fairseq_signals.data.readers._xml import part_of, read_xml, root_name
from fairseq_signals.data.record import Record

FORMAT = "GE MUSE XML"

_DATES = ("%m-%d-%Y", "%m/%d/%Y", "%Y-%m-%d")
_TIMES = (*(f"{date} %H:%M:%S" for date in _DATES), *_DATES)
_LARGEST_EXPONENT = 6


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file is XML with the root `RestingECG`."""
    return root_name(path, head) == "RestingECG"


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The rhythm recording in a MUSE export.

    Args:
        path: the file.
        rate: must agree with the file's, if given.
        leads: must agree with the file's, if given.
        unit: unit of the amplitude per step, where the file does not state it; else it must agree.

    Raises:
        ValueError: the file is no such XML, has no rhythm waveform, or a lead of it cannot be read; names the file.
    """
    root, mended = read_xml(path)
    waveform, notes = _rhythm(root, path)
    channels = [_channel(lead, path, notes) for lead in waveform.iter("LeadData")]
    stated = _text(waveform, "NumberofLeads")
    if stated and count(stated, "number of leads", path) != len(channels):
        notes.append(f"number of leads must be {stated} as stated, got {len(channels)}")
    about = About(None, _text(root, "PatientDemographics/PatientID"), _meta(root), (*mended, *notes))
    return vendor_record(path, channels, _rate(waveform, path), Passed(rate, leads, unit), about)


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _rhythm(root: Element, path: Path) -> tuple[Element, list[str]]:
    waveforms = list(root.iter("Waveform"))
    found = [waveform for waveform in waveforms if _text(waveform, "WaveformType").lower() == "rhythm"]
    if not found:
        kinds = ", ".join(_text(waveform, "WaveformType")[:40] or "unnamed" for waveform in waveforms[:9]) or "none"
        raise ValueError(f"a waveform must be of type Rhythm, got {kinds} ({path})")
    if len(found) == 1:
        return found[0], []
    sizes = [
        (
            [_text(lead, "LeadID") for lead in one.iter("LeadData")],
            sum(len("".join(_text(lead, "WaveFormData").split())) for lead in one.iter("LeadData")),
        )
        for one in found
    ]
    chosen = most_leads(sizes)
    return found[chosen], [f"rhythm waveforms must be one, got {len(found)}: read number {chosen + 1}"]


def _rate(waveform: Element, path: Path) -> float:
    base = number(_text(waveform, "SampleBase"), "SampleBase", path)
    exponent = number(_text(waveform, "SampleExponent") or 0, "SampleExponent", path)
    if not (exponent.is_integer() and abs(exponent) <= _LARGEST_EXPONENT):
        raise ValueError(f"SampleExponent must be a whole number up to ±{_LARGEST_EXPONENT}, got {exponent:g} ({path})")
    return sensible_rate(base * 10.0**exponent, path)


def _channel(lead: Element, path: Path, notes: list[str]) -> Channel:
    name = _text(lead, "LeadID")
    where = Path(f"lead {name[:20]}, {path}")
    for tag, expected in (("LeadSampleSize", 2), ("LeadTimeOffset", 0)):
        if number(_text(lead, tag) or expected, tag, where) != expected:
            raise ValueError(f"{tag} must be {expected}, got {_text(lead, tag)[:40]} ({where})")
    raw = _bytes(lead, where)
    crc = _text(lead, "LeadDataCRC32")
    if crc.isdecimal() and int(crc[:20]) != zlib.crc32(raw):
        notes.append(f"checksum of lead {name} must agree with its samples, got a mismatch")
    for tag in ("FirstSampleBaseline", "LeadOffsetFirstSample"):
        if number(_text(lead, tag) or 0, tag, where):
            notes.append(f"{tag} of lead {name} must be 0, got {_text(lead, tag)[:40]}: not applied")
    if _text(lead, "LeadOff").upper() == "TRUE":
        notes.append(f"electrodes must be attached, got lead {name} marked as off")
    step = number(_text(lead, "LeadAmplitudeUnitsPerBit"), "LeadAmplitudeUnitsPerBit", where)
    return Channel(name, np.frombuffer(raw, "<i2"), step, _text(lead, "LeadAmplitudeUnits") or None)


def _bytes(lead: Element, where: Path) -> bytes:
    """The bytes of a lead, as many as the file says."""
    raw = from_base64(lead.findtext("WaveFormData"), where)
    for tag, size in (("LeadByteCountTotal", 1), ("LeadSampleCountTotal", 2)):
        stated = _text(lead, tag)
        if stated and count(stated, tag, where) * size != len(raw):
            raise ValueError(f"{tag} must agree with the samples, got {stated} and {len(raw)} bytes ({where})")
    if len(raw) % 2:
        raise ValueError(f"samples must be of 2 bytes each, got {len(raw)} bytes ({where})")
    return raw


def _meta(root: Element) -> dict:
    patient, test = (part_of(root, name) for name in ("PatientDemographics", "TestDemographics"))
    began = moment(words(_text(test, "AcquisitionDate"), _text(test, "AcquisitionTime")), _TIMES)
    stated = age(_text(patient, "PatientAge"), _text(patient, "AgeUnits"))
    return {
        "age": age_between(moment(_text(patient, "DateofBirth"), _DATES), began) if stated is None else stated,
        "sex": sex(_text(patient, "Gender")),
        "started": written(began),
        "device": words("GE", _text(test, "AcquisitionDevice"), _text(test, "AcquisitionSoftwareVersion")),
        "statements": _statements(root),
    }


def _statements(root: Element) -> tuple[str, ...]:
    """The lines of the diagnosis; the flag ENDSLINE ends one."""
    lines, line = [], []
    for statement in root.iterfind("Diagnosis/DiagnosisStatement"):
        flags = {(flag.text or "").strip().upper() for flag in statement.iterfind("StmtFlag")}
        if "USERINSERT" in flags and line:
            lines, line = [*lines, words(*line)], []
        line.append(_text(statement, "StmtText"))
        if flags:
            lines, line = [*lines, words(*line)], []
    return tuple(text for text in [*lines, words(*line)] if text)
