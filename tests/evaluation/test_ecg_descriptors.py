"""Descriptors against known beats, plain loops and closed forms."""

import numpy as np
import pytest
from scipy.signal import butter, filtfilt, periodogram

from fairseq_signals.data.synthetic.recording import generate_patient
from fairseq_signals.evaluation.ecg_descriptors import (
    DESCRIPTORS,
    SILENCE,
    beat_places,
    is_silent,
    lead_covariance,
    log_spectrum,
    median_beat,
    rate_corrected_beat,
)

RATE = 100.0
names = pytest.mark.parametrize("name", DESCRIPTORS)
single = pytest.mark.parametrize("name", [name for name in DESCRIPTORS if name != "beat_and_spectrum"])


def describe(name, signal, rate=RATE):
    return DESCRIPTORS[name](signal, rate)


def beating(places, shape, n_samples=1000, wander=0.0):
    """`[L, T]`: a beat `[L, n]` laid with its middle at known places, on a slope."""
    signal = np.zeros((len(shape), n_samples), np.float32)
    for place in places:
        signal[:, place - 20 : place + 40] += shape
    return signal + np.float32(wander) * np.arange(n_samples, dtype=np.float32) / n_samples


@pytest.fixture
def shape():
    """A beat of 12 leads: a spike of 80 ms and a T wave, 60 samples at 100 Hz."""
    time = np.arange(60) - 20
    sizes = np.random.default_rng(3).normal(size=(12, 2))
    qrs, late = np.exp(-((time / 1.5) ** 2)), 0.3 * np.exp(-(((time - 25) / 5) ** 2))
    return (sizes[:, :1] * qrs + sizes[:, 1:] * late).astype(np.float32)


def test_beats_are_found_where_they_were_laid(shape):
    places = [60, 140, 231, 300, 382, 470, 551, 640, 733, 820, 905]
    assert np.abs(beat_places(beating(places, shape), RATE) - places).max() <= 1


def test_every_beat_of_a_simulated_sinus_rhythm_is_found():
    for number in range(5):
        record = generate_patient(number, rate=RATE, diagnoses=(), recordings=1, noise=False)[0]
        found = beat_places(record.signal, RATE)
        # An independent count: upward crossings of half the height of the lead that is highest above its median.
        lead = record.signal[np.ptp(record.signal, axis=1).argmax()].astype(float)
        lead = np.abs(lead - np.median(lead))
        high = lead > 0.5 * np.quantile(lead, 0.995)
        crossings = np.flatnonzero(high[1:] & ~high[:-1])
        apart = 1 + np.count_nonzero(np.diff(crossings) > 30)
        assert abs(len(found) - apart) <= 1


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def test_the_median_beat_is_the_beat_that_was_laid(shape):
    found = median_beat(beating([100, 180, 265, 350, 430], shape), RATE)
    assert cosine(found, (shape - np.median(shape, axis=1, keepdims=True)).ravel()) > 0.99


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
def test_where_between_two_samples_a_beat_lies_does_not_matter(part):
    time = np.arange(600) / RATE
    sizes = np.random.default_rng(3).normal(size=(12, 2))

    def at(later):
        waves = [
            sum(np.exp(-(((time - peak - later) / w) ** 2)) for peak in (1.0, 2.1, 3.0, 4.2)) for w in (0.02, 0.05)
        ]
        return (sizes @ np.stack(waves)).astype(np.float32)

    still, moved = median_beat(at(0.0), RATE), median_beat(at(part / RATE), RATE)
    assert cosine(still, moved) > 0.999


def paced(beats_a_minute, peak_s, rate=RATE):
    """Three leads whose beats come at one rate: a QRS complex, and a T wave that peaks so many seconds after it."""
    time = np.arange(0, 10, 1 / rate)
    signal = np.zeros((3, len(time)))
    for place in np.arange(0.5, 10, 60 / beats_a_minute):
        signal += np.array([[1.0], [0.4], [-0.7]]) * np.exp(-(((time - place) / 0.02) ** 2))
        signal += np.array([[0.2], [0.3], [0.3]]) * np.exp(-(((time - place - peak_s) / 0.05) ** 2))
    return signal.astype(np.float32)


@pytest.mark.parametrize("beats", [48, 75, 96])
def test_a_t_wave_that_follows_the_heart_rate_lies_where_it_does_at_60_beats(beats):
    peak = 0.06 + 0.20 * (60 / beats) ** 0.42
    found = rate_corrected_beat(paced(beats, peak), RATE).reshape(3, 60)
    assert abs(found[1, 30:].argmax() + 30 - 46) <= 1  # 0.2 s before the complex's middle, 0.26 s after it
    still = rate_corrected_beat(paced(60, 0.26), RATE)
    assert cosine(found.ravel(), still) > cosine(median_beat(paced(beats, peak), RATE), still)
    assert cosine(found.ravel(), still) > 0.98


def test_at_60_beats_a_minute_or_with_a_single_beat_nothing_is_corrected():
    assert rate_corrected_beat(paced(60, 0.26), RATE) == pytest.approx(median_beat(paced(60, 0.26), RATE), abs=0.02)
    single = paced(60, 0.26)[:, :90]
    assert len(beat_places(single, RATE)) == 1
    assert rate_corrected_beat(single, RATE) == pytest.approx(median_beat(single, RATE), abs=0.02)


def test_two_deflections_within_the_refractory_time_are_one_beat(shape):
    notched = beating([100, 200, 300, 400, 500], shape)
    notched[:, 115:900] += 0.8 * notched[:, 100:885].copy() * (np.arange(785) % 100 < 5)
    assert len(beat_places(notched, RATE)) == 5


def test_one_extra_beat_and_a_wandering_baseline_change_the_median_beat_little(shape):
    regular = median_beat(beating([100, 200, 300, 400, 500, 600, 700], shape), RATE)
    odd = beating([100, 200, 300, 400, 500, 600, 700], shape, wander=0.3)
    odd[:, 450:470] += 1.5 * shape[::-1, 15:35]
    other = median_beat(odd, RATE)
    assert cosine(regular, other) > 0.99


def test_the_median_beat_is_what_plain_loops_make_of_the_whole_beats():
    signal = generate_patient(7, rate=RATE, recordings=1)[0].signal
    steady = filtfilt(*butter(1, 0.5, "highpass", fs=RATE), signal.astype(float), axis=1, padlen=100)
    places = [place for place in beat_places(signal, RATE) if place >= 25 and place + 45 <= signal.shape[1]]
    beat = [[np.median([steady[lead, p + k] for p in places]) for k in range(-25, 45)] for lead in range(12)]
    slopes = [sum(((lead[k + 1] - lead[k - 1]) / 2) ** 2 for lead in beat) for k in range(15, 36)]
    steep = [slope if slope > max(slopes) / 10 else 0.0 for slope in slopes]
    later = sum(k * slope for k, slope in zip(range(-10, 11), steep, strict=True)) / sum(steep)
    assert 0 < abs(later) < 5
    for lead, found in zip(beat, median_beat(signal, RATE).reshape(12, 60), strict=True):
        expected = [np.interp(25 + k + later, range(70), lead) for k in range(-20, 40)]
        assert found == pytest.approx(np.array(expected) - np.median(expected), abs=1e-6)


def test_covariance_of_two_sines_has_its_closed_form():
    time = np.arange(1000) / RATE
    sine, cosine = np.sin(2 * np.pi * time), np.cos(2 * np.pi * time)
    signal = np.stack([2 * sine + 5.0, cosine, -sine]).astype(np.float32)
    # Over whole periods a sine's variance is half its squared amplitude, and sine and cosine are uncorrelated.
    expected = np.array([[2**0.5, 0, -1], [0, 0.5**0.5, 0], [-1, 0, 0.5**0.5]])
    found = lead_covariance(signal, RATE).reshape(3, 3)
    assert found**2 * np.sign(found) == pytest.approx(expected**2 * np.sign(expected), abs=1e-6)


def test_spectrum_of_a_window_of_two_seconds_is_the_periodogram():
    signal = np.random.default_rng(1).normal(size=(2, 200)).astype(np.float32)
    frequencies, power = periodogram(signal.astype(float), RATE, window="hann", detrend="constant")
    expected = np.log10(1 + power[:, (frequencies >= 0.5) & (frequencies <= 40)] / 1e-9)
    assert log_spectrum(signal, RATE).reshape(2, -1) == pytest.approx(expected)


@pytest.mark.parametrize("hertz", [3.0, 17.5, 40.0])
def test_spectrum_is_highest_at_the_frequency_of_a_sine(hertz):
    signal = np.sin(2 * np.pi * hertz * np.arange(1000) / RATE)[None].astype(np.float32)
    assert 0.5 * (1 + log_spectrum(signal, RATE).argmax()) == hertz


def test_the_cosine_of_beat_and_spectrum_is_the_mean_of_both_cosines():
    one, other = (generate_patient(number, rate=RATE, recordings=1)[0].signal for number in (2, 5))
    parts = [
        cosine(DESCRIPTORS[name](one, RATE), DESCRIPTORS[name](other, RATE))
        for name in ("rate_corrected_beat", "log_spectrum")
    ]
    found = cosine(DESCRIPTORS["beat_and_spectrum"](one, RATE), DESCRIPTORS["beat_and_spectrum"](other, RATE))
    assert found == pytest.approx(np.mean(parts)) and abs(parts[0] - parts[1]) > 0.01


@single
def test_an_absent_lead_is_zero_and_leaves_the_others_parts_alone(name):
    signal = generate_patient(2, rate=RATE, recordings=1)[0].signal
    signal = np.where(np.arange(12)[:, None] < 2, signal, 0)
    both = describe(name, signal).reshape(12, -1)
    assert not both[2:].any() and both[:2].any()
    alone = describe(name, signal[:2]).reshape(2, -1)
    assert both[:2, : alone.shape[1]] == pytest.approx(alone)


@names
@pytest.mark.parametrize("level", [0.0, 1.5])
def test_silence_has_a_defined_answer_that_no_ecg_resembles(name, level):
    ecg = generate_patient(2, rate=RATE, recordings=1)[0].signal
    silence = np.full_like(ecg, level)
    assert is_silent(silence) and not is_silent(ecg)
    vector = describe(name, silence)
    assert (vector == SILENCE).all() and vector.shape == describe(name, ecg).shape
    assert np.abs(describe(name, ecg)).max() > 1000 * SILENCE


@names
@pytest.mark.parametrize("n_samples", [1, 2, 7, 59, 130])
def test_windows_shorter_than_a_beat_have_a_vector_of_the_same_length(name, n_samples):
    ecg = generate_patient(4, rate=RATE, recordings=1)[0].signal
    vector = describe(name, ecg[:, 100 : 100 + n_samples])
    assert vector.shape == describe(name, ecg).shape and np.isfinite(vector).all() and vector.any()


def test_a_window_without_peaks_is_described_around_its_steepest_place():
    step = np.where(np.arange(500) < 250, 0, 1e-4).astype(np.float32)[None]
    slope = np.linspace(0, 1, 500, dtype=np.float32)[None]
    for signal in (step, slope):
        vector = median_beat(signal, RATE)
        assert np.isfinite(vector).all() and vector.any()
    assert np.abs(np.diff(median_beat(step, RATE))).argmax() in range(15, 25)


@names
@pytest.mark.parametrize("rate", [100.0, 250.0, 500.0])
def test_two_recordings_of_a_person_are_more_alike_than_two_persons(name, rate):
    people = [generate_patient(number, rate=rate, recordings=2, diagnoses=()) for number in range(8)]
    one, two = (np.array([describe(name, person[side].signal, rate) for person in people]) for side in (0, 1))
    one, two = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (one, two))
    cosines = one @ two.T
    assert np.diag(cosines).mean() > cosines[~np.eye(8, dtype=bool)].mean()


@names
@pytest.mark.parametrize("signal", [np.zeros(5), np.zeros((0, 5)), np.full((2, 50), np.nan), np.full((2, 50), "a")])
def test_what_is_no_signal_is_refused(name, signal):
    with pytest.raises(ValueError, match=r"signal must be a table of finite millivolts \[L, T\], got"):
        describe(name, signal)


def test_a_rate_too_low_for_a_beat_is_refused():
    with pytest.raises(ValueError, match="rate must be above 40 Hz to find heart beats, got 40"):
        median_beat(np.random.default_rng(1).normal(size=(1, 200)), 40.0)
