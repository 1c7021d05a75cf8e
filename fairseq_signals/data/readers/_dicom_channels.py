"""The channels of a DICOM multiplex group: which leads they are, and what their numbers mean.

A lead is known by its code (SCPECG or MDC) or, where the code is another, by its meaning; where both are known they
must agree.

Amplitude = number × sensitivity × correction factor + baseline, in the channel's units. Sensitivity and units must be
stated (or the unit passed); correction factor and baseline are 1 and 0 where they are not.

Differs from pydicom's own scaling, which takes a missing sensitivity for 1: it is refused here. Differs from
ecgdatakit, which turns every sample that equals the padding value into NaN: public files state 0, which is also an
amplitude; so a padding value counts only if it is not 0 and lies outside of the signal.

Source: DICOM PS3.3 C.10.9; PS3.16 CID 3001.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead
from fairseq_signals.data.readers._numbers import MOST_SAMPLES, count, number
from fairseq_signals.data.readers._vendor import Channel
from fairseq_signals.data.readers.scp import LEAD_CODES

_NUMBERS = {(8, "SB"), (8, "UB"), (16, "SS"), (16, "US"), (32, "SL"), (32, "UL")}
_CODE = re.compile(r"(?:5\.6\.3-9-|2:)(\d+)")


def stored_numbers(content: Any, place: int, path: Path) -> np.ndarray:
    """The numbers of a group as stored, `[T, channels]`.

    Args:
        content: pydicom's data set.
        place: of the group in `WaveformSequence`.
        path: the file.

    Raises:
        ValueError: they are no plain integers, or not as many as the group claims.
    """
    from pydicom.waveforms import multiplex_array

    group = content.WaveformSequence[place]
    bits = count(group.get("WaveformBitsAllocated"), "bits allocated", path)
    kind = str(group.get("WaveformSampleInterpretation", ""))
    if (bits, kind) not in _NUMBERS:
        raise ValueError(f"samples must be plain integers of 8, 16 or 32 bits, got {bits} bits of kind {kind} ({path})")
    n_channels = count(group.get("NumberOfWaveformChannels"), "number of channels", path)
    n_samples = count(group.get("NumberOfWaveformSamples"), "number of samples", path)
    n_defined = len(group.get("ChannelDefinitionSequence") or ())
    if n_defined != n_channels:
        raise ValueError(
            f"each channel must be defined, got {n_channels} channels and {n_defined} definitions ({path})"
        )
    claimed = n_channels * n_samples * bits // 8
    stored = len(group.get("WaveformData") or b"")
    if claimed > MOST_SAMPLES * 4 or stored - claimed not in (0, claimed % 2):
        expected = f"{n_channels} channels of {n_samples} samples ({claimed} bytes)"
        raise ValueError(f"waveform data must be {expected}, got {stored} bytes ({path})")
    return multiplex_array(content, place, as_raw=True)


def channel_of(whole: np.ndarray, place: int, group: Any, notes: list[str], path: Path) -> Channel:
    """One channel with its scale.

    Args:
        whole: from `stored_numbers`.
        place: of the channel.
        group: to which it belongs.
        notes: to which what is odd is added.
        path: the file.

    Raises:
        ValueError: the sensitivity is missing, or a number that belongs to it is none.
    """
    definition = group.ChannelDefinitionSequence[place]
    name = lead_name(definition, path)
    if canonical_lead(name) not in STANDARD_LEADS:
        return Channel(name, whole[:, place], np.nan, None)  # never looked at
    where = Path(f"lead {name}, {path}")
    step = number(definition.get("ChannelSensitivity"), "sensitivity", where)
    step *= number(_stated(definition, "ChannelSensitivityCorrectionFactor", 1), "correction factor", where)
    zero = number(_stated(definition, "ChannelBaseline", 0), "baseline", where)
    for skew in ("ChannelTimeSkew", "ChannelSampleSkew"):
        if number(_stated(definition, skew, 0), skew, where):
            notes.append(f"{skew} of lead {name} must be 0, got {definition.get(skew)}: not applied")
    units = definition.get("ChannelSensitivityUnitsSequence") or ()
    unit = str(units[0].get("CodeValue", "") or "") if len(units) else ""
    return Channel(name, _without_padding(whole, place, group, name, notes), step, unit or None, zero)


def _stated(definition: Any, name: str, otherwise: float) -> Any:
    value = definition.get(name)
    return otherwise if value in (None, "") else value


def lead_name(definition: Any, path: Path) -> str:
    """A channel's lead by its code, or what its meaning or label says."""
    sources = definition.get("ChannelSourceSequence") or ()
    source = sources[0] if len(sources) else {}
    code = _CODE.fullmatch(str(source.get("CodeValue", "") or "").strip())
    meaning = str(source.get("CodeMeaning", "") or "")
    told = canonical_lead(re.sub(r"\(.*?\)", "", meaning))
    coded = LEAD_CODES.get(int(code.group(1)[:9])) if code else None
    if coded and told and coded != told:
        raise ValueError(f"a lead's code and meaning must agree, got {code.group()} ({coded}) and {meaning!r} ({path})")
    return coded or told or meaning or str(definition.get("ChannelLabel", "") or "unnamed")


def _without_padding(whole: np.ndarray, place: int, group: Any, name: str, notes: list[str]) -> np.ndarray:
    """A channel of `[T, channels]` with NaN for padding, if the padding value cannot be an amplitude."""
    padding = group.get("WaveformPaddingValue")
    if not isinstance(padding, bytes) or len(padding) < whole.dtype.itemsize:
        return whole[:, place]
    value = np.frombuffer(padding[: whole.dtype.itemsize], whole.dtype.newbyteorder("<"))[0]
    rest = whole[whole != value]
    padded = whole[:, place] == value
    if not padded.any() or value == 0 or (len(rest) and rest.min() < value < rest.max()):
        return whole[:, place]
    notes.append(f"lead {name} must have samples throughout, got {padded.sum()} marked as padding: NaN")
    return np.where(padded, np.nan, whole[:, place].astype(np.float64))
