"""ECGs in DICOM waveform files (12-lead, general, ambulatory, general 32-bit ECG), through pydicom.

The rhythm is a multiplex group; median beats are others, and never read. Of several rhythm groups the one with the most
standard leads is read, then the longest, and the rest is noted. `_dicom_channels.py` says how leads and amplitudes are
told.

`meta`: `age` (years), `sex`, `started`, `device`, `statements`, `notes`. The id is the SOP instance UID.

Differs from pydicom, which swaps no bytes of big-endian files: they are refused.

Source: DICOM PS3.3 A.34.3 to A.34.5, C.10.9.
"""

import warnings
from pathlib import Path
from typing import Any

from fairseq_signals.data.readers._dicom_channels import channel_of, lead_name, stored_numbers
from fairseq_signals.data.readers._facts import age, age_between, compact_moment, sex, words, written
from fairseq_signals.data.readers._libraries import vendor_library
from fairseq_signals.data.readers._numbers import number, sensible_rate
from fairseq_signals.data.readers._vendor import About, Passed, most_leads, vendor_record
from fairseq_signals.data.record import Record

FORMAT = "DICOM waveform"

LARGEST_FILE = 32 * 2**20
"""Bytes; 20 minutes of twelve leads at 1000 Hz. A file of empty elements takes pydicom thirty times as much memory."""

_ITEM = b"\xfe\xff\x00\xe0"  # begins an item of a sequence, which costs pydicom a kilobyte
_MOST_ITEMS = 20_000
_READ = (
    "SpecificCharacterSet SOPClassUID SOPInstanceUID AcquisitionDateTime StudyDate StudyTime Manufacturer "
    "ManufacturerModelName PatientID PatientBirthDate PatientSex PatientAge WaveformAnnotationSequence WaveformSequence"
).split()

_ECG_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.9.1.{kind}" for kind in (1, 2, 3, 4))
_PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")  # little-endian, implicit and explicit
_BEATS = ("MEDIAN", "BEAT", "AVERAGE", "TEMPLATE")


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file has DICOM's mark after its preamble."""
    return head[128:132] == b"DICM"


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The rhythm recording in a DICOM file.

    Args:
        path: the file.
        rate: must agree with the file's, if given.
        leads: must agree with the file's, if given.
        unit: unit of the sensitivity, where the file does not state it; else it must agree.

    Raises:
        ValueError: the file is no ECG, is compressed, or its waveform cannot be read with certainty; names the file.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(f"a DICOM file must be at most {LARGEST_FILE} bytes, got {size} ({path})")
    pydicom = vendor_library("pydicom", path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's about values that are not asked for
            return _read(pydicom, path, Passed(rate, leads, unit))
    except ValueError as error:
        named = str(path) in str(error)
        raise error if named else ValueError(f"a DICOM file must be readable, got {error} ({path})") from error
    except Exception as error:  # a damaged file fails in pydicom in many ways
        raise ValueError(f"a DICOM file must be readable, got {type(error).__name__}: {error} ({path})") from error


def _read(pydicom: Any, path: Path, passed: Passed) -> Record:
    syntax = str(pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID", ""))
    if syntax not in _PLAIN:
        name = pydicom.uid.UID(syntax).name or "none"
        raise ValueError(f"transfer syntax must be little-endian and uncompressed, got {name} ({path})")
    if (n_items := path.read_bytes().count(_ITEM)) > _MOST_ITEMS:
        raise ValueError(f"sequences must have at most {_MOST_ITEMS} items, got {n_items} ({path})")
    content = pydicom.dcmread(path, specific_tags=_READ)
    kind = str(content.get("SOPClassUID", ""))
    if kind not in _ECG_CLASSES:
        name = pydicom.uid.UID(kind).name or "none"
        raise ValueError(f"a DICOM file must be an ECG waveform, got {name} ({path})")
    place, notes = _rhythm(content, path)
    group = content.WaveformSequence[place]
    stored = stored_numbers(content, place, path)
    channels = [channel_of(stored, i, group, notes, path) for i in range(stored.shape[1])]
    hertz = sensible_rate(number(group.get("SamplingFrequency"), "sampling frequency", path), path)
    return vendor_record(path, channels, hertz, passed, _about(content, notes))


def _rhythm(content: Any, path: Path) -> tuple[int, list[str]]:
    """Which multiplex group to read."""
    groups = list(content.get("WaveformSequence") or ())
    labels = [str(group.get("MultiplexGroupLabel", "") or "").upper() for group in groups]
    found = [i for i, label in enumerate(labels) if not any(word in label for word in _BEATS)]
    # An unnamed group is a beat when it is derived and another is not.
    original = [i for i in found if str(groups[i].get("WaveformOriginality", "")).upper() != "DERIVED"]
    found = original or found
    if not found:
        raise ValueError(f"a DICOM file must hold a rhythm waveform, got {', '.join(labels) or 'none'} ({path})")
    sizes = [
        (
            [lead_name(one, path) for one in groups[i].get("ChannelDefinitionSequence") or ()],
            number(groups[i].get("NumberOfWaveformSamples", 0), "number of samples", path)
            / max(number(groups[i].get("SamplingFrequency", 1), "sampling frequency", path), 1e-9),
        )
        for i in found
    ]
    chosen = found[most_leads(sizes)]
    notes = [f"rhythm groups must be one, got {len(found)}: read number {chosen + 1}"] if len(found) > 1 else []
    return chosen, notes


def _about(content: Any, notes: list[str]) -> About:
    def text(name: str) -> str:
        return str(content.get(name, "") or "").strip()

    began = compact_moment(text("AcquisitionDateTime") or text("StudyDate") + text("StudyTime"))
    stated = age(text("PatientAge")[:-1], text("PatientAge")[-1:])
    statements = (
        str(one.get("UnformattedTextValue", "") or "") for one in content.get("WaveformAnnotationSequence") or ()
    )
    meta = {
        "age": age_between(compact_moment(text("PatientBirthDate")), began) if stated is None else stated,
        "sex": sex(text("PatientSex")),
        "started": written(began),
        "device": words(text("Manufacturer"), text("ManufacturerModelName")),
        "statements": tuple(words(one) for one in statements if one.strip()),
    }
    return About(text("SOPInstanceUID") or None, text("PatientID"), meta, notes)
