"""ECGs that Philips carts write as Sierra XML (`<restingecgdata>`), versions 1.03, 1.04, 1.04.01 and 1.04.02.

Samples stand in `parsedwaveforms` (`_sierra_samples.py` unpacks them). Resolution (µV per step) and rate are the
file's. The calibration pulse at the end is cut off (`meta["calibration_s"]`); exports carry one at 10.7 s.

`meta`: `age` (years; never the cart's `defaultage`), `sex`, `started`, `device`, `statements`, `notes`. The id is the
document's where that is a UUID.

Source: Philips, "Sierra ECG XML schema", as far as the public example files of the project sierra-ecg-tools show it.
"""

from pathlib import Path
from xml.etree.ElementTree import Element

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers._facts import UUID, age, age_between, moment, sex, words, written
from fairseq_signals.data.readers._numbers import MOST_SAMPLES, count, number, sensible_rate
from fairseq_signals.data.readers._sierra_samples import samples_of
from fairseq_signals.data.readers._vendor import About, Channel, Passed, vendor_record
from fairseq_signals.data.readers._xml import part_of, read_xml, root_name
from fairseq_signals.data.record import Record

FORMAT = "Philips Sierra XML"

_VERSIONS = ("1.03", "1.04", "1.04.01", "1.04.02")
_TWELVE = ("STD-12", "10-WIRE")  # acquisition types whose twelve channels have a fixed order


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file is XML with the root `restingecgdata`."""
    return root_name(path, head) == "restingecgdata"


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The rhythm recording in a Sierra XML file.

    Args:
        path: the file.
        rate: must agree with the file's, if given.
        leads: names of the channels, where the file's acquisition type does not tell them; else they must agree.
        unit: must agree with microvolts, if given.

    Raises:
        ValueError: the file is no such XML, of another version, or cannot be read with certainty; names the file.
    """
    root, notes = read_xml(path)
    _check_version(root, path)
    waves = list(root.iter("parsedwaveforms"))
    if len(waves) != 1:
        raise ValueError(f"a file must hold one parsedwaveforms, got {len(waves)} ({path})")
    wave, signal = waves[0], part_of(root, "dataacquisition/signalcharacteristics")
    _check_numbers(wave, signal, path)
    hertz = sensible_rate(_agreed(wave, signal, ("samplespersecond", "samplingrate"), "rate", path), path)
    step = _agreed(wave, signal, ("resolution", "signalresolution"), "resolution", path)
    names = _names(wave, signal, leads, path)
    n_samples = _n_samples(wave, hertz, path)
    samples = samples_of(wave, names, n_samples, path)
    channels = [Channel(name, values, step, "uV") for name, values in zip(names, samples, strict=True)]
    return vendor_record(path, channels, hertz, Passed(rate, leads, unit), _about(root, notes))


def _text(element: Element, name: str) -> str:
    """The text of a child; dashes stand for nothing."""
    text = (element.findtext(name) or "").strip()
    return text if text.strip("- ") else ""


def _check_version(root: Element, path: Path) -> None:
    version = _text(root, "documentinfo/documentversion")
    if version not in _VERSIONS:
        raise ValueError(
            f"version of a Sierra XML must be one of {', '.join(_VERSIONS)}, got {version[:20]!r} ({path})"
        )


def _check_numbers(wave: Element, signal: Element, path: Path) -> None:
    """Refuses numbers that are not signed 16-bit integers around 0 in Base64."""
    bits = wave.get("bitspersample") or wave.get("nbitspersample") or _text(signal, "bitspersample") or "16"
    offset = wave.get("signaloffset") or _text(signal, "signaloffset") or "0"
    signed = wave.get("signalsigned") or _text(signal, "signalsigned") or "True"
    for what, got, expected in (
        ("dataencoding", wave.get("dataencoding", "none"), "Base64"),
        ("bits per sample", bits, "16"),
        ("signalsigned", signed.capitalize(), "True"),
    ):
        if got.strip() != expected:
            raise ValueError(f"{what} must be {expected}, got {got[:40]!r} ({path})")
    if number(offset, "signaloffset", path):
        raise ValueError(f"signaloffset must be 0, got {offset[:40]} ({path})")


def _agreed(wave: Element, signal: Element, names: tuple[str, ...], what: str, path: Path) -> float:
    """A number that the waveform and the acquisition's description may both state."""
    texts = [text for name in names for text in (wave.get(name), _text(signal, name)) if text]
    if not texts:
        raise ValueError(f"{what} must be stated, got none ({path})")
    values = {number(text, what, path) for text in texts}
    if len(values) > 1:
        raise ValueError(f"{what} must be the same wherever it is stated, got {sorted(values)} ({path})")
    return values.pop()


def _n_samples(wave: Element, hertz: float, path: Path) -> int:
    seconds = number(wave.get("durationperchannel"), "durationperchannel", path) / 1000
    if not 0 < seconds * hertz <= MOST_SAMPLES:
        raise ValueError(f"samples of a lead must be 1 to {MOST_SAMPLES}, got {seconds:g} s claimed ({path})")
    return round(seconds * hertz)


def _names(wave: Element, signal: Element, passed: tuple[str, ...] | None, path: Path) -> list[str]:
    names = (wave.get("leadlabels") or "").split()
    if names:
        n_leads = count(wave.get("numberofleads") or len(names), "number of leads", path)
        if not 0 < n_leads <= len(names):
            raise ValueError(f"number of leads must be 1 to {len(names)} (the labels), got {n_leads} ({path})")
        return names[:n_leads]
    n_leads = count(_text(signal, "numberchannelsallocated"), "number of channels", path)
    kind = _text(signal, "acquisitiontype") or _text(signal, "leadset")
    if kind in _TWELVE and n_leads == len(STANDARD_LEADS):
        return list(STANDARD_LEADS)
    if passed and len(passed) == n_leads:
        return list(passed)
    raise ValueError(
        f"the file must label its leads or be of type {' or '.join(_TWELVE)} with 12 channels, or leads must be "
        f"passed for all, got {n_leads} of type {kind[:40]!r} ({path})"
    )


def _about(root: Element, notes: tuple[str, ...]) -> About:
    acquired, patient = part_of(root, "dataacquisition"), part_of(root, "patient/generalpatientdata")
    began = moment(words(acquired.get("date"), acquired.get("time")), ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"))
    birth = moment(_text(patient, "age/dateofbirth") or _text(patient, "dateofbirth"), ("%Y-%m-%d", "%m/%d/%Y"))
    stated = age(_text(patient, "age/years"), "year")
    meta = {
        "age": age_between(birth, began) if stated is None else stated,
        "sex": sex(_text(patient, "sex")),
        "started": written(began),
        "device": words("Philips", _text(acquired, "machine")),
        "statements": _statements(root),
    }
    document = UUID.search(_text(root, "documentinfo/documentname"))
    name = document.group().lower() if document else None
    return About(name, _text(patient, "patientid") or _text(patient, "MRN"), meta, notes)


def _statements(root: Element) -> tuple[str, ...]:
    """The statements of the first interpretation."""
    interpretation = next(root.iter("interpretation"), Element("none"))
    texts = (words(_text(one, "leftstatement")) for one in interpretation.iter("statement"))
    return tuple(text for text in texts if text)
