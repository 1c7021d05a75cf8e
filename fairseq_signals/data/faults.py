"""What makes a recording useless for learning, so that a preparation leaves it out and says why."""

import numpy as np

from fairseq_signals.data.record import Record

UNLISTED = "unlisted"
_HARDLY_MV = 200  # electrodes and amplifiers do not reach it

FAULTS = {
    "missing": "the file, or one that belongs to it, is not there",
    "unreadable": "no reader understands the file, or it is not what its header says",
    "checksum": "a file is not what the source published",
    "leads": "a needed lead is missing",
    "empty": "there is no sample",
    "not finite": "samples are not numbers, or marked as invalid in the file",
    "flat": "every lead is constant",
    "implausible": "the amplitude is beyond the bound",
    "too short": "the recording ends before the shortest duration",
    "rate": "the recording cannot be brought to the rate wanted",
    "leads exchanged": "limb leads are evidently exchanged or inverted",
    "leads contradictory": "limb leads contradict each other (III = II - I and the like) most of the time",
    "wrong unit": "the gain is not that of the other recordings, and makes the amplitude unlike theirs",
    "duplicate id": "an earlier recording has the same id",
    UNLISTED: "the source's table does not list the file",
}
"""Every reason for which a preparation rejects a recording, in the order in which they are looked for."""


class Rejected(ValueError):
    """A recording that a preparation leaves out; `fault` is one of `FAULTS`."""

    def __init__(self, fault: str, message: str):
        super().__init__(message)
        self.fault = fault


def usable(record: Record, leads: tuple[str, ...], bound_mv: float, shortest_s: float) -> Record:
    """The recording with the needed leads, when nothing is wrong with them.

    Args:
        record: any recording.
        leads: needed leads, standard names; others are dropped before anything else is looked at.
        bound_mv: largest plausible amplitude, mV.
        shortest_s: shortest duration, seconds.

    Raises:
        Rejected: names the first fault.
    """
    missing = [lead for lead in leads if lead not in record.leads]
    if missing:
        got = ", ".join(record.leads) or "none"
        raise Rejected("leads", f"leads must include {', '.join(leads)}, got {got} (missing {', '.join(missing)})")
    record = record.select(leads)
    signal = record.signal
    if not signal.size:
        raise Rejected("empty", "recording must have samples, got none")
    highest, lowest = signal.max(axis=1), signal.min(axis=1)
    if not (np.isfinite(highest).all() and np.isfinite(lowest).all()):
        raise Rejected("not finite", _what_is_lost(record))
    peaks = np.maximum(highest, -lowest)
    if (highest == lowest).all():
        raise Rejected("flat", f"a lead must vary, got all constant (the largest at {peaks.max():g} mV)")
    if peaks.max() > bound_mv:
        where = record.leads[int(peaks.argmax())]
        guess = "; are these microvolts?" if peaks.max() > _HARDLY_MV else ""
        text = f"amplitude must be within ±{bound_mv:g} mV, got {peaks.max():g} (lead {where}{guess})"
        raise Rejected("implausible", text)
    if record.seconds < shortest_s:
        raise Rejected("too short", f"duration must be at least {shortest_s:g} s, got {record.seconds:g}")
    return record


def _what_is_lost(record: Record) -> str:
    lost = np.count_nonzero(~np.isfinite(record.signal), axis=1)
    where = ", ".join(lead for lead, count in zip(record.leads, lost, strict=True) if count)
    return f"samples must be finite, got {lost.sum()} of {record.signal.size} that are not ({where})"
