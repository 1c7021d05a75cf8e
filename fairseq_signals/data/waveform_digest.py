"""What tells a recording's waveform from every other: a short digest of the samples as they were recorded.

The same recording is published under several names, in other formats and with other gains. Its digest is the same
wherever its samples agree to the microvolt, whatever rate or leads it is prepared with.
"""

import hashlib

import numpy as np

from fairseq_signals.data.record import Record

_MICROVOLTS_PER_MILLIVOLT = np.float32(1000)  # float32 tells microvolts apart up to 16 V
_DIGITS = 16  # of SHA-256, which processors compute
_LARGEST = np.float32(2**31 - 2**7)  # of float32 that an int32 holds
_SHORT = 2**15  # samples below this, as nearly always, need half the bytes
_LOST = -(2.0**31)  # NaN: the smallest int32, which no sample becomes


def waveform_digest(record: Record) -> str:
    """16 hexadecimal digits; two different recordings among a million share them with a chance of 3 in 10⁸.

    Taken over rate, names of the leads, and samples in whole microvolts (NaN counts as one more value); leads that
    were derived from others are left out.

    Args:
        record: as read, before anything is resampled or left out.
    """
    derived = record.meta.get("derived", ())
    rows = [row for row, lead in enumerate(record.leads) if lead not in derived]
    names = ",".join(record.leads[row] for row in rows)
    digest = hashlib.sha256(f"{record.rate:g} {names} ".encode())
    signal = record.signal[rows] if derived else record.signal
    microvolts = np.rint(signal * _MICROVOLTS_PER_MILLIVOLT)
    # Clipped: an infinite or absurd sample must not wrap around into a plausible one.
    np.clip(microvolts, -_LARGEST, _LARGEST, out=microvolts)
    lost = np.isnan(microvolts)
    if lost.any():
        microvolts[lost] = _LOST
    short = microvolts.size == 0 or (-_SHORT < microvolts.min() and microvolts.max() < _SHORT)
    digest.update(microvolts.astype("<i2" if short else "<i4", order="C"))
    return digest.hexdigest()[:_DIGITS]
