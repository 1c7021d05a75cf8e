"""What an electrocardiograph's filter leaves of a signal: without drift, without the finest detail, without mains."""

import numpy as np
from scipy.signal import butter, iirnotch, sosfiltfilt, tf2sos

_WIDTH_HZ = 2.0  # of the notch
_PADDING_S = 2.0  # mirrored at both ends, so that the slow filter has settled


def filtered(
    signal: np.ndarray, rate: float, high_pass_hz: float, low_pass_hz: float, notch_hz: float | None = None
) -> np.ndarray:
    """The signal after a recorder's filters, float64 of the same shape, without a shift in time.

    Args:
        signal: `[L, T]` mV.
        rate: Hz.
        high_pass_hz: frequency of which 3 dB are lost (first order, forwards and backwards).
        low_pass_hz: the same at the upper end (second order); beyond 90 % of what the rate can hold nothing is cut.
        notch_hz: a frequency to take out, 2 Hz wide; None for no notch.

    Raises:
        ValueError: the pass band is empty.
    """
    if not 0 < high_pass_hz < low_pass_hz:
        raise ValueError(f"high pass must be positive and below the low pass, got {high_pass_hz} and {low_pass_hz} Hz")
    sections = [_section(1, high_pass_hz, "highpass", rate)]
    if low_pass_hz < 0.45 * rate:
        sections.append(_section(2, low_pass_hz, "lowpass", rate))
    if notch_hz is not None and notch_hz < 0.45 * rate:
        sections.append(tf2sos(*iirnotch(notch_hz, notch_hz / _WIDTH_HZ, fs=rate)))
    padding = min(signal.shape[1] - 1, round(_PADDING_S * rate))
    return sosfiltfilt(np.concatenate(sections), signal, axis=1, padlen=padding)


def _section(order: int, corner_hz: float, kind: str, rate: float) -> np.ndarray:
    """A Butterworth filter that, run forwards and backwards, has lost 3 dB at its corner."""
    # Each of the two runs must lose half of them: the corner of one run lies where the gain is 2 ** -0.25.
    shift = (np.sqrt(2) - 1) ** (1 / (2 * order))
    own = corner_hz * shift if kind == "highpass" else corner_hz / shift
    return butter(order, min(own, 0.499 * rate), kind, fs=rate, output="sos")
