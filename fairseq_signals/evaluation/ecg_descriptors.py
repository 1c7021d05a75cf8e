"""What an ECG says before anything is learned: a heart beat, the leads' covariance, the spectrum, each as one vector.

Conventions:
    A signal is float32 `[L, T]` in millivolts at `rate` Hz; a lead that is absent is zero throughout, and so is its
    part of the vector. Vectors are float64, as long for every signal of the same L and rate, finite, and never zero:
    of a window in which nothing moves the descriptor is `SILENCE` everywhere, far below what any ECG gives, so that
    it counts for nothing beside other windows in a mean and resembles only other silence. `is_silent` tells.

Descriptors:
    `median_beat`: the median over the heart beats, in mV.
    `rate_corrected_beat`: the same, with the T wave as late as at 60 beats a minute.
    `lead_covariance`: how the leads go together, in mV.
    `log_spectrum`: power by frequency, on a logarithmic scale.
    `beat_and_spectrum`: the corrected beat and the spectrum together.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt, welch

SILENCE = 1e-6
"""What each number of the descriptor of a silent window is: a nanovolt, a thousandth of what a store resolves."""

BEFORE_S, AFTER_S = 0.2, 0.4
"""Seconds of a beat before and after the middle of its QRS complex: from the P wave to the end of the T wave."""

_INTERVALS_S = (0.3, 1.5)
_QRS_END_S = 0.06
_QT_POWER = 0.42
_LONGEST_AFTER_S = 0.5  # a beat of 1.5 s ends at 0.06 + 0.34 * 1.5 ** 0.42 = 0.46 s
_WANDER_HZ = 0.5
_MARGIN_S = 0.05  # by which a beat may be moved to its centre
_QRS_BAND_HZ = (5.0, 20.0)
_QRS_LENGTH_S = 0.1
_REFRACTORY_S = 0.3  # 200 beats a minute
_SHARE_OF_HIGHEST = 0.35
_SPECTRUM_S = 2.0
_SPECTRUM_BAND_HZ = (0.5, 40.0)
_POWER_FLOOR = 1e-9  # mV²/Hz, about what rounding to a microvolt leaves in a spectrum


def median_beat(signal: np.ndarray, rate: float) -> np.ndarray:
    """The median over the beats around each sample from 0.2 s before a QRS complex to 0.4 s after it, `[L * n]`.

    What changes slower than 0.5 Hz and then each lead's own median are taken off, so that the wander of the baseline
    does not count. The median beat is moved by parts of a sample until the energy of its slope has its centre in the
    QRS complex's middle: half a sample at 100 Hz is enough to take one person's complex for another's. A window
    without a beat that lies in it whole is described by the beats at its edges, continued by the edges' values; one
    without any peak, by the stretch around its steepest place.

    Args:
        signal: float `[L, T]`, mV.
        rate: Hz, above 40.

    Raises:
        ValueError: see `is_silent`; a rate too low to see a QRS complex.
    """
    if is_silent(signal):
        return np.full(len(signal) * _samples(BEFORE_S + AFTER_S, rate), SILENCE)
    beat = _beat(signal, rate, AFTER_S)
    return _audible((beat - np.median(beat, axis=1, keepdims=True)).ravel())


def rate_corrected_beat(signal: np.ndarray, rate: float) -> np.ndarray:
    """The median beat with ST segment and T wave as long as they would be at 60 beats a minute, `[L * n]`.

    From 0.06 s after the middle of the QRS complex on, time is stretched by the power 0.42 of the interval between
    beats, so that one person's T wave is found in one place at different heart rates. P wave and QRS complex stay.

    The power is what the peak of the T wave follows in 26,660 windows of 13,330 recordings of PTB-XL, each of another
    person; corrections of the QT interval in use take 1/2 (Bazett 1920) or 1/3 (Fridericia 1920). Intervals count as
    0.3 s at least and 1.5 s at most, and as 1 s where a window has but one beat.

    Args and errors: as in `median_beat`.
    """
    size = _samples(BEFORE_S + AFTER_S, rate)
    if is_silent(signal):
        return np.full(len(signal) * size, SILENCE)
    intervals = np.diff(beat_places(signal, rate)) / rate
    interval = np.clip(np.median(intervals), *_INTERVALS_S) if len(intervals) else 1.0
    beat = _beat(signal, rate, _LONGEST_AFTER_S)
    time = np.arange(size) / rate - BEFORE_S
    later = np.maximum(time - _QRS_END_S, 0)
    source = np.minimum(time, _QRS_END_S) + later * interval**_QT_POWER
    places = np.arange(beat.shape[1]) / rate - BEFORE_S
    beat = np.stack([np.interp(source, places, lead) for lead in beat])
    return _audible((beat - np.median(beat, axis=1, keepdims=True)).ravel())


def beat_places(signal: np.ndarray, rate: float) -> np.ndarray:
    """Samples in the middle of QRS complexes, int64, at least one.

    Peaks of the energy from 5 to 20 Hz of all leads together, at least 0.3 s apart and 35 % as high as the highest; of
    a window without a peak, the place of the most energy.

    Args and errors: as in `median_beat`.
    """
    low, high = _QRS_BAND_HZ
    if not rate > 2 * high:
        raise ValueError(f"rate must be above {2 * high:g} Hz to find heart beats, got {rate:g}")
    band = butter(2, (low, high), "bandpass", fs=rate, output="sos")
    steep = sosfiltfilt(band, _checked(signal), axis=1, padlen=min(15, signal.shape[1] - 1))
    # An odd length smooths to both sides alike, which keeps the peak where the complex has its middle.
    smooth = uniform_filter1d((steep**2).sum(axis=0), 2 * round(_QRS_LENGTH_S * rate / 2) + 1)
    energy = np.sqrt(smooth.clip(0))
    # The highest is a quantile, so that a single artefact does not hide the beats.
    height = _SHARE_OF_HIGHEST * np.quantile(energy, 0.98)
    peaks, _ = find_peaks(energy, height=height, distance=max(1, round(_REFRACTORY_S * rate)))
    return peaks if len(peaks) else np.array([energy.argmax()])


def lead_covariance(signal: np.ndarray, rate: float) -> np.ndarray:
    """The leads' covariance over time with the sign kept and the root taken, sign(c) √|c|, `[L * L]`, mV.

    Of a single lead that is one number, and by the cosine all people look alike.

    Args and errors: as in `is_silent`; `rate` is not used.
    """
    centred = _checked(signal) - _checked(signal).mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / signal.shape[1]
    return _audible((np.sign(covariance) * np.sqrt(np.abs(covariance))).ravel())


def log_spectrum(signal: np.ndarray, rate: float) -> np.ndarray:
    """Each lead's power from 0.5 to 40 Hz in steps of 0.5 Hz as log10(1 + power / floor), `[L * frequencies]`.

    Welch's mean over stretches of two seconds; the floor is 1e-9 mV²/Hz. A window shorter than that is continued by
    zeros. Frequencies from half the rate on are absent.

    Args:
        signal: float `[L, T]`, mV.
        rate: Hz.

    Raises:
        ValueError: see `is_silent`.

    Source: Welch 1967, The use of fast Fourier transform for the estimation of power spectra,
    https://doi.org/10.1109/TAU.1967.1161901.
    """
    size = round(_SPECTRUM_S * rate)
    frequencies, power = welch(_checked(signal), rate, nperseg=min(size, signal.shape[1]), nfft=size)
    low, high = _SPECTRUM_BAND_HZ
    band = (frequencies >= low) & (frequencies <= high) & (frequencies < rate / 2)
    return _audible(np.log10(1 + power[:, band] / _POWER_FLOOR).ravel())


def beat_and_spectrum(signal: np.ndarray, rate: float) -> np.ndarray:
    """`rate_corrected_beat` and `log_spectrum`, each scaled to length one, one after the other.

    Args and errors: as in `median_beat`.
    """
    parts = rate_corrected_beat(signal, rate), log_spectrum(signal, rate)
    if is_silent(signal):
        return np.concatenate(parts)
    return np.concatenate([part / np.linalg.norm(part) for part in parts])


def is_silent(signal: np.ndarray) -> bool:
    """Whether no lead changes from its first sample to its last.

    Raises:
        ValueError: a signal that is no table of finite numbers, or empty.
    """
    return not np.ptp(_checked(signal), axis=1).any()


DESCRIPTORS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "median_beat": median_beat,
    "rate_corrected_beat": rate_corrected_beat,
    "lead_covariance": lead_covariance,
    "log_spectrum": log_spectrum,
    "beat_and_spectrum": beat_and_spectrum,
}
"""Descriptors by name: functions of a signal `[L, T]` in mV and its rate in Hz."""


def _without_wander(signal: np.ndarray, rate: float) -> np.ndarray:
    slow = butter(1, _WANDER_HZ, "highpass", fs=rate, output="sos")
    return sosfiltfilt(slow, _checked(signal), axis=1, padlen=min(round(rate), signal.shape[1] - 1))


def _centred(beat: np.ndarray, margin: int, middle: int) -> np.ndarray:
    """A beat `[L, n + 2 * margin]` moved to its centre and cut to `[L, n]`, by linear interpolation."""
    places = np.arange(beat.shape[1])
    slope = (np.gradient(beat, axis=1) ** 2).sum(axis=0) * (np.abs(places - middle) <= 2 * margin)
    slope *= slope > slope.max() / 10  # noise on both sides has no part in the centre
    centre = (slope @ places) / slope.sum() if slope.any() else middle
    target = places[margin : len(places) - margin] + np.clip(centre - middle, -margin, margin)
    return np.stack([np.interp(target, places, lead) for lead in beat])


def _beat(signal: np.ndarray, rate: float, after_s: float) -> np.ndarray:
    """The median beat without wander from `BEFORE_S` before its centre to `after_s` after it, `[L, n]`."""
    margin = round(_MARGIN_S * rate)
    before, length = round(BEFORE_S * rate) + margin, _samples(BEFORE_S + after_s, rate) + 2 * margin
    middles = beat_places(signal, rate)
    whole = middles[(middles >= before) & (middles - before + length <= signal.shape[1])]
    padded = np.pad(_without_wander(signal, rate), ((0, 0), (before, length)), mode="edge")
    beats = np.stack([padded[:, middle : middle + length] for middle in (whole if len(whole) else middles)])
    return _centred(np.median(beats, axis=0), margin, before)


def _samples(seconds: float, rate: float) -> int:
    return round(seconds * rate)


def _checked(signal: np.ndarray) -> np.ndarray:
    signal = np.asarray(signal)
    if signal.ndim != 2 or 0 in signal.shape or signal.dtype.kind not in "iuf" or not np.isfinite(signal).all():
        raise ValueError(
            f"signal must be a table of finite millivolts [L, T], got {signal.dtype} {signal.shape}"
            f"{' with NaN or infinity' if signal.dtype.kind == 'f' and not np.isfinite(signal).all() else ''}"
        )
    return signal.astype(np.float64)


def _audible(vector: np.ndarray) -> np.ndarray:
    return vector if np.abs(vector).max() > SILENCE else np.full(len(vector), SILENCE)
