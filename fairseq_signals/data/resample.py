"""A signal at another sampling rate, filtered against aliasing.

Conventions: sample t of the input lies at t / rate seconds, sample t' of the output at t' / new_rate: both begin
together. T samples become ceil(T · new_rate / rate).
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from fairseq_signals.data.record import Record

# The filter has 20 taps per step of the larger factor: 50,000 keeps it within a million taps and reaches every rate
# that recorders use, 249.89 Hz included. A ratio may be rounded by 1e-8, which is 0.04 ms in an hour.
_LARGEST_FACTOR = 50_000
_TOLERANCE = 1e-8


def resample(signal: np.ndarray, rate: float, new_rate: float) -> np.ndarray:
    """The signal at `new_rate`: polyphase with a linear-phase filter (no delay, no change of phase).

    Before filtering, the straight line from a lead's first to its last sample is taken off, and put back afterwards.
    Zeros beyond the ends would pull a lead with a baseline towards zero there, and the filter would ring; with the
    line, constants and linear drift stay exact up to the edge. (scipy's own `padtype="line"` only extends the signal:
    a constant then ripples by 0.06 % of its height, because the filter's phases do not sum up alike.)

    The filter is scipy's (Kaiser window, β = 5): flat to 0.3 % below 0.84 of the lower Nyquist frequency, half
    amplitude at it, below 0.3 % from 1.16 of it on.

    NaN marks missing samples and would spread over the filter's length, so gaps are bridged linearly first. An output
    sample is NaN where either of its neighbouring input samples is not finite.

    Args:
        signal: `[L, T]`.
        rate: its sampling rate in Hz.
        new_rate: the rate wanted, in Hz; the ratio must be a fraction of whole numbers up to 50,000, to 1e-8.

    Returns:
        float32 `[L, T']` with T' = ceil(T · new_rate / rate).

    Raises:
        ValueError: a rate is not positive, or the ratio cannot be represented.
    """
    ratio = _ratio(rate, new_rate)
    if ratio == 1 or signal.shape[1] == 0:
        return signal.astype(np.float32)
    missing = ~np.isfinite(signal)
    bridged = signal.astype(np.float64)
    for row in np.flatnonzero(missing.any(axis=1)):
        bridged[row] = _bridge(bridged[row], missing[row])
    first, slope = _lines(bridged)
    level = bridged - (first + slope * np.arange(signal.shape[1]))
    new = resample_poly(level, ratio.numerator, ratio.denominator, axis=1)
    times = np.arange(new.shape[1]) * (ratio.denominator / ratio.numerator)  # in input samples
    new = (new + first + slope * times).astype(np.float32)
    if missing.any():
        new[_reach(missing, ratio, new.shape[1])] = np.nan
    return new


def resample_record(record: Record, rate: float) -> Record:
    """The record at another rate (Hz); `meta["recorded_rate"]` keeps the rate it was recorded at."""
    if rate == record.rate:
        return record
    meta = {"recorded_rate": record.rate} | record.meta
    return replace(record, signal=resample(record.signal, record.rate, rate), rate=float(rate), meta=meta)


def _ratio(rate: float, new_rate: float) -> Fraction:
    if not (0 < rate < np.inf and 0 < new_rate < np.inf):
        raise ValueError(f"rates must be positive numbers (Hz), got {rate} -> {new_rate}")
    exact = Fraction(new_rate) / Fraction(rate)
    ratio = exact.limit_denominator(max(1, min(_LARGEST_FACTOR, int(_LARGEST_FACTOR / exact))))
    if max(ratio.numerator, ratio.denominator) > _LARGEST_FACTOR or abs(ratio / exact - 1) > _TOLERANCE:
        raise ValueError(
            f"the ratio of two rates must be a fraction of whole numbers up to {_LARGEST_FACTOR} (to {_TOLERANCE}), "
            f"got {rate} -> {new_rate} Hz"
        )
    return ratio


def _bridge(row: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The row with its gaps filled linearly, or zero where nothing is known."""
    if missing.all():
        return np.zeros_like(row)
    times = np.arange(len(row))
    return np.interp(times, times[~missing], row[~missing])


def _lines(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First value and slope per sample, each `[L, 1]`, of the line through a lead's first and last sample."""
    first = signal[:, :1]
    return first, (signal[:, -1:] - first) / max(1, signal.shape[1] - 1)


def _reach(missing: np.ndarray, ratio: Fraction, length: int) -> np.ndarray:
    """Which output samples `[L, T']` lie at or beside a missing input sample."""
    scaled = np.arange(length) * ratio.denominator
    before = scaled // ratio.numerator
    after = np.minimum(-(-scaled // ratio.numerator), missing.shape[1] - 1)
    return missing[:, before] | missing[:, after]
