import numpy as np
import pytest
import torch
from scipy.stats import kstest

from fairseq_signals.transforms.powerline import Powerline, PowerlineSettings, powerline_wave
from fairseq_signals.transforms.windows import Windows

N = 2000


def _noise(batch=N, samples=500, rate=500.0, seed=0, **settings):
    """What is added to silent windows, `[batch, 12, samples]` in float64."""
    windows = Windows(torch.zeros(batch, 12, samples), torch.ones(batch, 12, dtype=torch.bool))
    generator = torch.Generator().manual_seed(seed)
    return Powerline(PowerlineSettings(**settings))(windows, rate, generator).signal.double().numpy()


def _lines(noise):
    """Complex amplitude of each frequency: a·exp(iφ) for a·cos(2πft + φ)."""
    return np.fft.rfft(noise) / (noise.shape[-1] / 2)


@pytest.mark.parametrize(
    "settings, hertz",
    [
        ({}, [50]),
        ({"frequencies": [60]}, [60]),
        ({"frequencies": [50, 60]}, [50, 60]),
        ({"harmonics": 3}, [50, 100, 150]),
        ({"frequencies": [60.0], "harmonics": 4, "gain": "uniform"}, [60, 120, 180, 240]),
    ],
)
def test_powerline_adds_energy_only_at_its_frequencies(settings, hertz):
    noise = _noise(200, 5000, **settings)
    energy = np.abs(np.fft.rfft(noise[:, 0])) ** 2
    lines = [10 * f for f in hertz]  # ten seconds: a tenth of a hertz per bin
    elsewhere = np.delete(energy, lines, axis=1).sum(1)
    assert (elsewhere < 1e-6 * energy.sum(1)).all()
    assert (energy[:, lines].mean(0) > 1e-3 * energy.sum(1).mean()).all()


def test_each_window_draws_one_of_the_frequencies_fairly():
    lines = np.abs(_lines(_noise(frequencies=[50, 60])[:, 0]))[:, [50, 60]]
    assert (lines.min(1) < 1e-4 * lines.max(1)).all()
    assert abs((lines[:, 0] > lines[:, 1]).mean() - 0.5) < 4.5 * 0.5 / N**0.5


@pytest.mark.parametrize("amplitude", [0.5, 0.1])
def test_amplitudes_and_phases_are_uniform_and_independent(amplitude):
    lines = _lines(_noise(amplitude=amplitude)[:, 0])[:, 50]
    size, phase = np.abs(lines), np.angle(lines) % (2 * np.pi)
    assert abs(size.mean() - amplitude / 2) < 4.5 * amplitude / (12 * N) ** 0.5
    assert abs(size.var() / (amplitude**2 / 12) - 1) < 0.1
    assert kstest(size, "uniform", args=(0, amplitude)).pvalue > 1e-3
    assert kstest(phase, "uniform", args=(0, 2 * np.pi)).pvalue > 1e-3
    assert abs(np.corrcoef(size, phase)[0, 1]) < 4.5 / N**0.5


def test_harmonics_have_amplitudes_of_their_own_and_one_phase():
    lines = _lines(_noise(harmonics=3)[:, 0])[:, [50, 100, 150]]
    size = np.abs(lines)
    assert all(kstest(size[:, k], "uniform", args=(0, 0.5)).pvalue > 1e-3 for k in range(3))
    assert np.abs(np.corrcoef(size.T)[~np.eye(3, dtype=bool)]).max() < 4.5 / N**0.5
    clear = size.min(1) > 0.01
    turned = lines[clear] / lines[clear, :1]
    assert np.abs(np.angle(turned)).max() < 1e-4


def test_leads_have_the_same_noise_and_the_computed_ones_what_follows():
    noise = _noise(20)
    factors = [1, 1, 0, -1, 0.5, 0.5, *[1] * 6]
    for lead, factor in enumerate(factors):
        np.testing.assert_allclose(noise[:, lead], factor * noise[:, 0], atol=1e-7)
    own = _noise(20, limb_relations=False)
    assert (own == own[:, :1]).all() and own.any()


def test_at_half_the_rate_the_sign_alternates_and_the_phase_sets_the_amplitude():
    noise = _noise(samples=100, rate=100.0)[:, 0]
    size = noise[:, 0]
    np.testing.assert_allclose(noise, size[:, None] * np.where(np.arange(100) % 2, -1, 1), atol=1e-6)
    assert np.abs(size).max() <= 0.5 and abs(size.mean()) < 4.5 * (1 / 24 / N) ** 0.5
    # E(a cos φ)² = E(a²) / 2 = (0.25 / 3) / 2.
    assert abs((size**2).mean() / (1 / 24) - 1) < 0.15


@pytest.mark.parametrize(
    "settings, rate, highest",
    [({}, 99.0, 50), ({"frequencies": [50, 60]}, 100.0, 60), ({"harmonics": 3}, 250.0, 150)],
)
def test_frequencies_above_half_the_rate_are_refused(settings, rate, highest):
    message = f"powerline noise must stay within half the sampling rate, {rate / 2:g} Hz, got {highest} Hz"
    with pytest.raises(ValueError, match=message):
        _noise(2, 100, rate, **settings)


def test_harmonics_folded_at_100_hz_are_a_constant_and_an_alternating_sign():
    # What the public code of Mehari and Strodthoff adds at 100 Hz: 50 and 150 Hz alternate, 100 Hz is a constant.
    settings = {"harmonics": 3, "fold": True, "gain": "uniform", "limb_relations": False}
    noise = _noise(samples=100, rate=100.0, amplitude=0.2, **settings)[:, 6]
    constant, alternating = noise.mean(1), (noise * np.where(np.arange(100) % 2, -1, 1)).mean(1)
    left = noise - constant[:, None] - alternating[:, None] * np.where(np.arange(100) % 2, -1, 1)
    assert np.abs(left).max() < 1e-6
    # E gain² · E cos² φ · E a², where E a² = 0.04 / 3 for one harmonic, and twice that and 2 · 0.1² for two.
    assert abs((constant**2).mean() / (1 / 6 * 0.04 / 3) - 1) < 0.15
    assert abs((alternating**2).mean() / (1 / 6 * (2 * 0.04 / 3 + 2 * 0.01)) - 1) < 0.15


def test_folding_changes_nothing_below_half_the_rate():
    assert np.array_equal(_noise(20, harmonics=3, fold=True), _noise(20, harmonics=3))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"fold": 1}, "fold of powerline noise must be true or false, got 1"),
        ({"frequencies": []}, r"frequencies of powerline noise must be a list of positive numbers of Hz, got \[\]"),
        ({"frequencies": 50}, "frequencies of powerline noise must be a list of positive numbers of Hz, got 50"),
        ({"frequencies": [50, 0]}, r"frequencies of powerline noise must be a list of positive .*, got \[50, 0\]"),
        ({"frequencies": ["50"]}, "frequencies of powerline noise must be a list of positive numbers"),
        ({"harmonics": 0}, "harmonics of powerline noise must be 1, 2, 3, …, got 0"),
        ({"harmonics": 1.5}, "harmonics of powerline noise must be 1, 2, 3, …, got 1.5"),
        ({"gain": "none"}, "gain of a noise must be one of"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PowerlineSettings(**settings)


def test_the_wave_against_the_paper_s_sum():
    wave = powerline_wave(
        torch.tensor([50.0, 60.0]), torch.tensor([[0.3, 0.1], [0.2, 0.4]]), torch.tensor([1.0, 2.0]), 40, 500.0
    )
    for b, (f, a, phi) in enumerate([(50, (0.3, 0.1), 1.0), (60, (0.2, 0.4), 2.0)]):
        for n in range(40):
            value = sum(a[k - 1] * np.cos(2 * np.pi * n / 500 * k * f + phi) for k in (1, 2))
            assert abs(float(wave[b, n]) - value) < 1e-6
