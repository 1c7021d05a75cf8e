"""ECGs in HL7's annotated ECG (`<AnnotatedECG>`): a sequence set of the rhythm series, never the representative beat.

Each lead is a list of integers with origin and scale (amplitude = origin + scale × digit), named by its MDC code; the
rate follows from the increment of the time sequence. All units are the file's own.

`meta`: `age` (years), `sex`, `started`, `device`, `statements`, `notes`. The id is the document's UUID, with its
extension where it has one.

Differs from ecgdatakit, which takes a missing origin for 0 in any unit, rounds every rate to whole Hz, and reads
the first of several sets whatever leads it has: here the set with the most standard leads is read and the others are
noted.

Source: ANSI/HL7 V3 ECG, R1-2004; Brown and Badilini, "HL7 aECG implementation guide", 2005.
"""

from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from fairseq_signals.data.montage import millivolts_per
from fairseq_signals.data.readers._facts import UUID, age, age_between, compact_moment, sex, words, written
from fairseq_signals.data.readers._numbers import number, rate_of_interval
from fairseq_signals.data.readers._vendor import About, Channel, Passed, most_leads, vendor_record
from fairseq_signals.data.readers._xml import part_of, read_xml, root_name
from fairseq_signals.data.record import Record

FORMAT = "HL7 aECG"

_BEATS = "REPRESENTATIVE_BEAT"
_LONGEST_LIST = 2**24  # characters; two hours at 500 Hz
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6}
_AGE_CODE = "21612-7"  # LOINC, reported age
_STATEMENT_CODES = ("MDC_ECG_INTERPRETATION", "MDC_ECG_INTERPRETATION_STATEMENT", "MDC_ECG_INTERPRETATION_SUMMARY")


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file is XML with the root `AnnotatedECG`."""
    return root_name(path, head) == "AnnotatedECG"


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The rhythm recording in an annotated ECG.

    Args:
        path: the file.
        rate: must agree with the file's, if given.
        leads: must agree with the file's, if given.
        unit: unit of the scale, where the file does not state it; else it must agree.

    Raises:
        ValueError: the file is no such XML, has no rhythm series, or a lead of it cannot be read; names the file.
    """
    root, mended = read_xml(path)
    series, sequences, notes = _rhythm(root, path)
    interval = _interval(sequences, path)
    channels = [_channel(one, unit, path) for one in sequences if not _is_time(one)]
    about = _about(root, series, sequences, (*mended, *notes))
    return vendor_record(path, channels, rate_of_interval(interval, path), Passed(rate, leads, unit), about)


def _attribute(element: Element, path: str, name: str = "value") -> str:
    return part_of(element, path).get(name, "").strip()


def _is_time(sequence: Element) -> bool:
    return _attribute(sequence, "code", "code").upper().startswith("TIME_")


def _lead(sequence: Element) -> str:
    """A lead's name from its code: MDC_ECG_LEAD_AVR is AVR."""
    return _attribute(sequence, "code", "code").rpartition("_LEAD_")[2]


def _rhythm(root: Element, path: Path) -> tuple[Element, list[Element], list[str]]:
    """The series and the sequences to read."""
    found = [
        (series, set_.findall("component/sequence"))
        for series in root.findall("component/series")
        if _attribute(series, "code", "code").upper() != _BEATS
        for set_ in series.findall("component/sequenceSet")
    ]
    if not found:
        raise ValueError(f"an annotated ECG must hold a rhythm series with sequences, got none ({path})")
    sizes = []
    for _, sequences in found:
        lists = [one for one in sequences if not _is_time(one)]
        sizes.append(([_lead(one) for one in lists], sum(len(one.findtext("value/digits") or "") for one in lists)))
    chosen = most_leads(sizes)
    notes = [] if len(found) == 1 else [f"sequence sets must be one, got {len(found)}: read number {chosen + 1}"]
    return *found[chosen], notes


def _interval(sequences: list[Element], path: Path) -> float:
    """Seconds between samples, the same wherever stated."""
    intervals = set()
    for sequence in filter(_is_time, sequences):
        unit = _attribute(sequence, "value/increment", "unit")
        if unit not in _SECONDS:
            raise ValueError(f"the increment of time must be in s, ms or us, got {unit[:20]!r} ({path})")
        intervals.add(number(_attribute(sequence, "value/increment"), "increment of time", path) * _SECONDS[unit])
    if len(intervals) != 1:
        raise ValueError(f"a sequence set must have one increment of time, got {sorted(intervals) or 'none'} ({path})")
    return intervals.pop()


def _channel(sequence: Element, unit: str | None, path: Path) -> Channel:
    name = _lead(sequence)
    where = Path(f"lead {name[:40]}, {path}")
    kind = _attribute(sequence, "value", "type").rpartition(":")[2]
    if kind != "SLIST_PQ":
        raise ValueError(f"a lead must be a list of type SLIST_PQ, got {kind[:40] or 'none'!r} ({where})")
    step = number(_attribute(sequence, "value/scale"), "scale", where)
    zero = number(_attribute(sequence, "value/origin"), "origin", where)
    scale_unit = _attribute(sequence, "value/scale", "unit") or unit
    origin_unit = _attribute(sequence, "value/origin", "unit") or scale_unit
    if zero and scale_unit:
        zero *= millivolts_per(origin_unit, str(where)) / millivolts_per(scale_unit, str(where))
    text = sequence.findtext("value/digits") or ""
    return Channel(name, _digits(text, where), step, scale_unit, zero)


def _digits(text: str, where: Path) -> np.ndarray:
    """The numbers of a list."""
    if len(text) > _LONGEST_LIST:
        raise ValueError(f"a lead's digits must be at most {_LONGEST_LIST} characters, got {len(text)} ({where})")
    try:
        digits = np.array(text.split(), np.float64)
    except ValueError as error:
        raise ValueError(f"digits must be numbers, got {str(error)[:80]} ({where})") from error
    if "_" in text or np.isinf(digits).any():
        raise ValueError(f"digits must be numbers, got infinity or an underscore ({where})")
    if not len(digits):
        raise ValueError(f"a lead must have digits, got none ({where})")
    return digits


def _about(root: Element, series: Element, sequences: list[Element], notes: tuple[str, ...]) -> About:
    subject = part_of(root, "componentOf/timepointEvent/componentOf/subjectAssignment/subject/trialSubject")
    person = part_of(subject, "subjectDemographicPerson")
    began = _began(root, sequences)
    stated = _stated_age(root)
    meta = {
        "age": age_between(compact_moment(_attribute(person, "birthTime")), began) if stated is None else stated,
        "sex": sex(_attribute(person, "administrativeGenderCode", "code")),
        "started": written(began),
        "device": words(
            series.findtext("author/seriesAuthor/manufacturerOrganization/name"),
            series.findtext("author/seriesAuthor/manufacturedSeriesDevice/manufacturerModelName"),
        ),
        "statements": _statements(series),
    }
    patient = _attribute(subject, "id", "extension") or _attribute(subject, "id", "root")
    document, extension = (_attribute(root, "id", name) for name in ("root", "extension"))
    name = document.lower() + (f"-{extension}" if extension else "") if UUID.fullmatch(document) else None
    return About(name, patient, meta, notes)


def _began(root: Element, sequences: list[Element]) -> datetime | None:
    heads = [_attribute(one, "value/head") for one in sequences if _attribute(one, "code", "code") == "TIME_ABSOLUTE"]
    effective = [_attribute(root, f"effectiveTime/{part}") for part in ("low", "center", "high")]
    return next((time for time in map(compact_moment, [*heads, *effective]) if time), None)


def _stated_age(root: Element) -> float | None:
    for observation in root.iterfind("controlVariable/relatedObservation"):
        if _attribute(observation, "code", "code") == _AGE_CODE:
            return age(_attribute(observation, "value"), _attribute(observation, "value", "unit"))
    return None


def _statements(series: Element) -> tuple[str, ...]:
    texts = []
    for annotation in series.iter("annotation"):
        if _attribute(annotation, "code", "code").upper() in _STATEMENT_CODES:
            value = annotation.find("value")
            texts.append(words("".join(value.itertext())) if value is not None else None)
    return tuple(dict.fromkeys(text for text in texts if text))
