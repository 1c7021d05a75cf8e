"""What an electrocardiograph's filter leaves of a signal: without drift, without the finest detail, without mains."""

import numpy as np

_HIGH_ORDER, _LOW_ORDER = 1, 4  # of Butterworth's gain, which stands for a filter that is run in both directions
_WIDTH_HZ = 1.0  # of the notch: standard deviation of the gap


def filtered(
    signal: np.ndarray, rate: float, high_pass_hz: float, low_pass_hz: float, notch_hz: float | None = None
) -> np.ndarray:
    """The signal after a recorder's filters, float64 of the same shape, without a shift in time.

    The spectrum of the signal and its mirror image, which has no jump at the ends, is multiplied by the filters' gain:
    so nothing rings in, as nothing does in a recorder that has been running for a while.

    Args:
        signal: `[L, T]` mV.
        rate: Hz.
        high_pass_hz: frequency of which 3 dB are lost at the lower end.
        low_pass_hz: the same at the upper end.
        notch_hz: a frequency to take out; None for no notch.

    Raises:
        ValueError: the pass band is empty.
    """
    if not 0 < high_pass_hz < low_pass_hz:
        raise ValueError(f"high pass must be positive and below the low pass, got {high_pass_hz} and {low_pass_hz} Hz")
    samples = signal.shape[1]
    mirrored = np.concatenate([signal, signal[:, ::-1]], axis=1)  # [L, 2 T]
    frequency = np.fft.rfftfreq(2 * samples, 1 / rate)
    gain = np.zeros(len(frequency))  # of the mean nothing is left
    gain[1:] = (1 + (high_pass_hz / frequency[1:]) ** (2 * _HIGH_ORDER)) ** -0.5
    gain *= (1 + (frequency / low_pass_hz) ** (2 * _LOW_ORDER)) ** -0.5
    if notch_hz is not None:
        gain *= 1 - np.exp(-0.5 * ((frequency - notch_hz) / _WIDTH_HZ) ** 2)
    return np.fft.irfft(np.fft.rfft(mirrored, axis=1) * gain, 2 * samples, axis=1)[:, :samples]
