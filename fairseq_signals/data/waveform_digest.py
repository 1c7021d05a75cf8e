"""What tells a recording's waveform from every other: a short digest of the samples as they were recorded.

The same recording is published under several names, in other formats and with other gains. Its digest is the same
wherever its samples agree to the microvolt, whatever rate or leads it is prepared with.
"""

import hashlib

import numpy as np

from fairseq_signals.data.record import Record

_MICROVOLTS_PER_MILLIVOLT = 1000


def waveform_digest(record: Record) -> str:
    """16 hexadecimal digits; two different recordings among a million share them with a chance of 3 in 10⁸.

    Taken over rate, names of the leads, and samples in whole microvolts (NaN counts as one more value); leads that
    were derived from others are left out.

    Args:
        record: as read, before anything is resampled or left out.
    """
    derived = record.meta.get("derived", ())
    rows = [row for row, lead in enumerate(record.leads) if lead not in derived]
    microvolts = np.nan_to_num(record.signal[rows].astype(np.float64) * _MICROVOLTS_PER_MILLIVOLT, nan=2**31)
    names = ",".join(record.leads[row] for row in rows)
    digest = hashlib.blake2b(f"{record.rate:g} {names} ".encode(), digest_size=8)
    # Clipped: an infinite or absurd sample must not wrap around into a plausible one.
    digest.update(np.clip(np.rint(microvolts), -(2**31), 2**31).astype("<i8").tobytes())
    return digest.hexdigest()
