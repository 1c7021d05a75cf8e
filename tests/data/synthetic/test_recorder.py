"""The recorder's filter by what it does to sines of known frequency."""

import numpy as np
import pytest

from fairseq_signals.data.synthetic.recorder import filtered

RATE = 500.0
TIME = np.arange(20_000) / RATE


def gain(frequency, **band):
    """Amplitude of a sine after the filter, from its middle half, per amplitude before."""
    wave = np.sin(2 * np.pi * frequency * TIME)[None]
    left = filtered(wave, RATE, **band)[0, 5000:15000]
    return np.sqrt(2 * np.mean(left**2))


def test_three_decibels_are_lost_at_both_corners_and_nothing_between():
    band = {"high_pass_hz": 0.5, "low_pass_hz": 40.0}
    assert gain(0.5, **band) == pytest.approx(2**-0.5, abs=0.01)
    assert gain(40.0, **band) == pytest.approx(2**-0.5, abs=0.01)
    assert gain(8.0, **band) == pytest.approx(1, abs=0.02)
    assert gain(0.1, **band) < 0.2 and gain(150.0, **band) < 0.01


def test_the_notch_takes_out_its_frequency_alone():
    band = {"high_pass_hz": 0.05, "low_pass_hz": 150.0, "notch_hz": 60.0}
    assert gain(60.0, **band) < 0.01
    assert gain(50.0, **band) > 0.9 and gain(70.0, **band) > 0.9


def test_nothing_is_shifted_in_time():
    pulse = np.exp(-0.5 * ((TIME - 20) / 0.02) ** 2)[None]
    left = filtered(pulse, RATE, 0.5, 35.0)[0]
    assert abs(TIME[left.argmax()] - 20) <= 1 / RATE


def test_beyond_what_the_rate_can_hold_nothing_is_cut():
    wave = np.sin(2 * np.pi * 30 * np.arange(1000) / 100)[None]
    left = filtered(wave, 100.0, 0.05, 150.0, 50.0)
    np.testing.assert_allclose(left[:, 200:800], wave[:, 200:800], atol=0.02)


def test_an_empty_band_is_refused():
    with pytest.raises(ValueError, match="high pass must be positive and below the low pass, got 50 and 40"):
        filtered(np.zeros((1, 1000)), RATE, 50, 40)


def test_an_offset_leaves_nothing_not_even_at_the_ends():
    left = filtered(np.full((2, 1000), 5.0), 100.0, 0.5, 40.0)
    np.testing.assert_allclose(left, 0, atol=1e-9)
