"""A recording's amplitude, and the gain that its file states.

The amplitude is the peak-to-peak amplitude of an ordinary two seconds (the median over all of them, so a spike does not
count), averaged over the leads. In PTB-XL it is 1.2 mV in the median and between 0.37 and 4.3 mV in all 21,799; the
median is 1.4 mV in CinC 2021, and 2.9 mV in CODE-15, whose baselines wander.
"""

from typing import Any

import numpy as np

from fairseq_signals.data.montage import millivolts_per
from fairseq_signals.data.record import Record

FACT, GAIN = "amplitude", "gain"
_UNSTATED_GAIN = 200.0  # steps per unit of a WFDB lead whose gain is missing or 0, and mV is its unit
_STRETCH_S = 2.0


def extent(record: Record) -> np.ndarray:
    """Peak-to-peak amplitude of each lead in an ordinary two seconds: `[L]`, mV."""
    count = max(1, int(record.seconds / _STRETCH_S))
    length = record.signal.shape[1] // count
    parts = record.signal[:, : count * length].reshape(len(record.leads), count, length)
    return np.median(parts.max(axis=2) - parts.min(axis=2), axis=1)


def amplitude_facts(record: Record, extents: np.ndarray) -> dict[str, Any]:
    """A recording's amplitude (mV), and its gain (steps per mV) where its file states one.

    Args:
        record: as it was read.
        extents: of its leads, as `extent` tells; flat ones do not count.
    """
    alive = extents[extents > 0]
    facts = {FACT: float(f"{alive.mean():.4g}")} if len(alive) else {}
    gain = _gain(record)
    return facts if gain is None else facts | {GAIN: gain}


def _gain(record: Record) -> float | None:
    gains, units = record.meta.get("gain"), record.meta.get("unit")
    try:
        stated = [
            (_UNSTATED_GAIN if gain is None else gain, unit or "mV") for gain, unit in zip(gains, units, strict=True)
        ]
        steps = [gain / millivolts_per(unit, "") for gain, unit in stated]
        middle = float(f"{np.median(steps):.6g}")
    except (TypeError, ValueError):  # stated in another form, or not for every lead
        return None
    return middle if 0 < middle < np.inf else None
