"""The calibration pulse that some carts append to a recording, told by what no heart can do.

Philips carts end a recording with zeros, a pulse of 1 mV for 0.2 s and zeros again, on every channel alike, and
exports to other formats keep it. III = II − I forbids that the leads I, II and III rise together.
"""

from dataclasses import replace

import numpy as np

from fairseq_signals.data.record import Record

_HEIGHT_MV = 1.0
_TOLERANCES_MV = (1e-6, 0.05)  # as recorded; after a mains filter
_SHORTEST_S = 0.05


def without_calibration(record: Record) -> Record:
    """The recording without a calibration pulse at its end; `meta["calibration_s"]` is what was cut off, in seconds.

    Args:
        record: with the leads that the file stores, none derived.
    """
    if len(record.leads) < 3:
        return record
    lowest, highest = record.signal.min(axis=0), record.signal.max(axis=0)
    for tolerance in _TOLERANCES_MV:
        differ = np.flatnonzero(~(highest - lowest <= tolerance))
        begin = int(differ[-1]) + 1 if len(differ) else 0
        level = lowest[begin:]
        pulse = np.count_nonzero(np.abs(level - _HEIGHT_MV) <= 2 * _TOLERANCES_MV[1])
        rest = np.count_nonzero(np.abs(level) <= 2 * _TOLERANCES_MV[1])
        if min(pulse, rest) >= _SHORTEST_S * record.rate and pulse + rest >= 0.9 * len(level):
            cut = record.meta | {"calibration_s": len(level) / record.rate}
            return replace(record, signal=record.signal[:, :begin], meta=cut)
    return record
