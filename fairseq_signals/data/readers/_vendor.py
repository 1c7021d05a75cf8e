"""From the channels of a vendor's file to a record: leads chosen, a calibration pulse cut off, limb leads added.

Conventions: readers hand over numbers in the file's own order under the file's own names, and say what one step is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead, common_name
from fairseq_signals.data.limb_leads import with_limb_leads
from fairseq_signals.data.montage import choose_leads, millivolts_per
from fairseq_signals.data.readers._calibration import without_calibration
from fairseq_signals.data.record import Record


@dataclass(frozen=True)
class Channel:
    """One channel of a rhythm recording.

    Attributes:
        name: as the file spells it.
        samples: `[T]`, numbers as stored.
        step: amplitude of one step, in `unit`.
        zero: amplitude that the number 0 stands for, in `unit`.
        unit: as the file spells it, or None where it states none.
    """

    name: str
    samples: np.ndarray
    step: float
    unit: str | None
    zero: float = 0.0


@dataclass(frozen=True)
class Passed:
    """What the caller of `read_record` states: rate (Hz), names of the channels, unit; None where nothing."""

    rate: float | None = None
    leads: tuple[str, ...] | None = None
    unit: str | None = None


@dataclass(frozen=True)
class About:
    """What a file says beside its waveform; an empty `id` is the file's name."""

    id: str | None = None
    patient: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


def vendor_record(path: Path, channels: Sequence[Channel], rate: float, passed: Passed, about: About) -> Record:
    """The record of a recording's channels: standard leads in standard order, absent limb leads derived.

    Args:
        path: the file.
        channels: all that the waveform has, in the file's order.
        rate: Hz.
        passed: must agree with the file, and adds the unit where the file states none.
        about: the rest.

    Raises:
        ValueError: leads differ in length, a unit or a step makes no sense, or no lead is there or one twice.
    """
    names = [channel.name for channel in channels]
    _agree(path, names, rate, passed)
    chosen = choose_leads(names, str(path))
    used = [channels[row] for row in chosen.rows]
    lengths = {len(channel.samples) for channel in used}
    if len(lengths) > 1:
        raise ValueError(f"leads must have the same number of samples, got {sorted(lengths)} ({path})")
    signal = np.stack([_millivolts(channel, passed.unit, path) for channel in used])
    notes = list(about.notes)
    if chosen.unknown:
        notes.append(f"channels must be known leads, got {', '.join(chosen.unknown)}: dropped")
    units = tuple(channel.unit or passed.unit for channel in used)
    meta = {"unit": units, "dropped": chosen.dropped, "notes": tuple(notes)} | about.meta
    record = Record(signal, rate, chosen.leads, about.id or path.stem, about.patient or None, (), meta)
    return with_limb_leads(without_calibration(record))


def most_leads(candidates: Sequence[tuple[Sequence[str], float]]) -> int:
    """Which of several waveforms to read: that with the most standard leads, then the longest, then the first.

    Args:
        candidates: names of the channels, and length in seconds.
    """
    known = [len({canonical_lead(name) for name in names} & {*STANDARD_LEADS}) for names, _ in candidates]
    return max(range(len(known)), key=lambda i: (known[i], candidates[i][1], -i))


def _millivolts(channel: Channel, unit: str | None, path: Path) -> np.ndarray:
    where = f"lead {channel.name}, {path}"
    stated = channel.unit or unit
    if not stated:
        raise ValueError(f"a lead must state its unit, or unit must be passed, got none ({where})")
    factor = millivolts_per(stated, where)
    if unit and millivolts_per(unit, where) != factor:
        raise ValueError(f"unit must agree with the file's {channel.unit}, got {unit} ({where})")
    if not (math.isfinite(channel.step) and channel.step and math.isfinite(channel.zero)):
        raise ValueError(f"a step must be a number other than 0, got {channel.step} {stated} ({where})")
    with np.errstate(over="ignore"):  # what does not fit 32 bits becomes infinite, which a preparation rejects
        return ((channel.samples.astype(np.float64) * channel.step + channel.zero) * factor).astype(np.float32)


def _agree(path: Path, names: Sequence[str], rate: float, passed: Passed) -> None:
    if passed.rate and not math.isclose(passed.rate, rate):
        raise ValueError(f"rate must agree with the file's {rate:g} Hz, got {passed.rate:g} ({path})")
    stated, given = ([common_name(name) for name in ones] for ones in (names, passed.leads or names))
    if stated != given:
        raise ValueError(f"leads must agree with the file's {list(names)}, got {list(passed.leads)} ({path})")
