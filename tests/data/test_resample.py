from math import ceil

import numpy as np
import pytest

from fairseq_signals.data.record import Record
from fairseq_signals.data.resample import resample, resample_record

PAIRS = [(257, 500), (1000, 500), (400, 500), (500, 100), (100, 500), (360.5, 500), (249.89, 500), (976.5625, 500)]


def sine(hertz, rate, seconds=10, phase=0.7):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate + phase)[None].astype(np.float32)


@pytest.mark.parametrize(("rate", "new_rate"), PAIRS)
def test_a_sine_in_the_band_keeps_amplitude_and_phase(rate, new_rate):
    hertz = 0.35 * min(rate, new_rate)  # 0.7 of the Nyquist frequency
    new = resample(sine(hertz, rate), rate, new_rate)
    inner = slice(round(new_rate), -round(new_rate))
    truth = np.sin(2 * np.pi * hertz * np.arange(new.shape[1]) / new_rate + 0.7)
    assert np.abs(new[0, inner] - truth[inner]).max() < 0.005


@pytest.mark.parametrize(("rate", "new_rate"), [(1000, 500), (500, 100), (500, 257)])
@pytest.mark.parametrize("share", [1.2, 1.5, 1.9])
def test_a_sine_above_the_new_nyquist_frequency_vanishes(rate, new_rate, share):
    hertz = share * new_rate / 2
    if hertz >= rate / 2:
        hertz = 0.98 * rate / 2
    new = resample(sine(hertz, rate), rate, new_rate)
    inner = new[0, round(new_rate) : -round(new_rate)]
    assert np.sqrt(np.mean(inner**2)) < 0.003  # what folds back, against 0.71 of the sine


@pytest.mark.parametrize(("rate", "new_rate"), PAIRS)
def test_constants_and_drift_stay_exact_to_the_edge(rate, new_rate):
    length = 777
    drift = np.stack([np.full(length, 5.0), 3.0 + 0.01 * np.arange(length)]).astype(np.float32)
    new = resample(drift, rate, new_rate)
    times = np.arange(new.shape[1]) * rate / new_rate
    inside = times <= length - 1
    np.testing.assert_allclose(new[0], 5.0, atol=2e-5)
    np.testing.assert_allclose(new[1, inside], 3.0 + 0.01 * times[inside], atol=2e-5)


@pytest.mark.parametrize(("rate", "new_rate"), PAIRS)
@pytest.mark.parametrize("length", [0, 1, 2, 5, 999, 1000])
def test_length_is_the_ceiling_of_the_ratio(rate, new_rate, length):
    new = resample(np.ones((2, length), np.float32), rate, new_rate)
    assert new.shape == (2, ceil(round(length * new_rate / rate, 6)))
    assert new.dtype == np.float32


def test_downsampling_keeps_every_fifth_sample_of_a_slow_signal():
    slow = sine(1, 500)
    np.testing.assert_allclose(resample(slow, 500, 100)[0, 50:-50], slow[0, ::5][50:-50], atol=2e-3)


def test_missing_samples_stay_missing_and_do_not_spread():
    signal = np.stack([sine(2, 500)[0]] * 3)
    signal[1, 1000:1100] = np.nan
    signal[2] = np.nan
    new = resample(signal, 500, 250)
    gone = np.isnan(new)
    assert not gone[0].any()
    assert np.flatnonzero(gone[1]).tolist() == list(range(500, 550))
    assert gone[2].all()
    far = np.abs(np.arange(new.shape[1]) - 525) > 50
    np.testing.assert_array_equal(new[1, far], new[0, far])


def test_a_missing_first_and_last_sample_do_not_spoil_the_lead():
    signal = np.full((1, 300), 2.0, np.float32)
    signal[0, [0, -1]] = np.nan
    new = resample(signal, 100, 500)
    assert np.isnan(new[0]).sum() == 5 + 9  # within one sample of the first; beside and after the last
    np.testing.assert_allclose(new[~np.isnan(new)], 2.0, atol=2e-5)


@pytest.mark.parametrize(
    ("rate", "new_rate"), [(62.4725, 500), (500, 0.001), (0.001, 500), (0, 500), (500, float("nan"))]
)
def test_rates_that_cannot_be_reached_are_refused(rate, new_rate):
    with pytest.raises(ValueError, match="rate"):
        resample(np.zeros((1, 10), np.float32), rate, new_rate)


def test_a_record_remembers_the_rate_it_was_recorded_at():
    record = Record(np.zeros((1, 2570), np.float32), 257.0, ("I",), id="r", labels=("1",))
    new = resample_record(record, 500)
    assert (new.rate, new.seconds, new.meta["recorded_rate"], new.labels) == (500.0, 10.0, 257.0, ("1",))
    assert resample_record(new, 500) is new
