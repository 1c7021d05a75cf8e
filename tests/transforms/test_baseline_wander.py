import numpy as np
import pytest
import torch
from scipy.signal import periodogram
from scipy.stats import kstest

from fairseq_signals.transforms.baseline_wander import BaselineWander, BaselineWanderSettings, wander_frequencies
from fairseq_signals.transforms.windows import Windows

N = 1000


def _noise(batch, samples, rate, seed=0, **settings):
    """What is added to silent windows, `[batch, 12, samples]` in float64."""
    windows = Windows(torch.zeros(batch, 12, samples), torch.ones(batch, 12, dtype=torch.bool))
    generator = torch.Generator().manual_seed(seed)
    return BaselineWander(BaselineWanderSettings(**settings))(windows, rate, generator).signal.double().numpy()


def _spectrum(noise, rate):
    """Energy by frequency, seen through a window whose leakage is below 1e-9."""
    return periodogram(noise, rate, window="blackmanharris", detrend=False)


@pytest.mark.parametrize(
    "settings, bound",
    [
        ({}, 0.6),
        ({"terms": 1}, 0.2),
        ({"multiples": False}, 0.2),
        ({"terms": 5, "spacing": [0.05, 0.1]}, 0.5),
        ({"terms": 50, "spacing": [0.01, 0.01], "gain": "signed_normal", "scale_power": 1}, 0.5),
    ],
)
def test_wander_adds_energy_only_below_its_bound(settings, bound):
    hertz, energy = _spectrum(_noise(100, 8000, 10.0, **settings)[:, 0], 10.0)  # 800 s
    share = energy[:, hertz > bound + 0.01].sum(1) / energy.sum(1)
    assert share.max() < 1e-6
    assert (energy[:, (hertz > 0.9 * bound) & (hertz <= bound)].sum(1) / energy.sum(1)).max() > 1e-3, "bound is reached"


def test_the_spacing_is_uniform():
    hertz, energy = _spectrum(_noise(300, 10_000, 5.0, terms=1)[:, 0], 5.0)  # 2,000 s: bins of 0.0005 Hz
    assert kstest(hertz[energy.argmax(1)], "uniform", args=(0.01, 0.19)).pvalue > 1e-3


def test_frequencies_are_multiples_of_the_spacing_or_each_its_own():
    uniform = torch.rand(50, 1, generator=torch.Generator().manual_seed(0))
    for row, u in zip(wander_frequencies(uniform, (0.01, 0.2), 3), uniform[:, 0].double(), strict=True):
        for k in range(3):
            assert abs(float(row[k]) - (k + 1) * float(0.01 + 0.19 * u)) < 1e-9
    own = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(wander_frequencies(own, (0.01, 0.2), 3), 0.01 + 0.19 * own.double())


@pytest.mark.parametrize("terms, amplitude", [(3, 0.5), (6, 0.1)])
def test_amplitudes_and_phases_are_uniform_and_independent(terms, amplitude):
    # Ten whole periods of 0.1 Hz: bin 10 k is the k-th cosine, and nothing else has energy.
    settings = {"terms": terms, "spacing": [0.1, 0.1], "gain": "equal", "amplitude": amplitude}
    spectrum = np.fft.rfft(_noise(N, 500, 5.0, **settings)[:, 0]) / 250
    lines = spectrum[:, [10 * k for k in range(1, terms + 1)]]
    size, phase = np.abs(lines), np.angle(lines) % (2 * np.pi)
    total = (np.abs(spectrum) ** 2).sum(1)
    assert (np.abs(total - (size**2).sum(1)) < 1e-6 * total).all()
    for k in range(terms):
        assert kstest(size[:, k], "uniform", args=(0, amplitude)).pvalue > 1e-3
        assert kstest(phase[:, k], "uniform", args=(0, 2 * np.pi)).pvalue > 1e-3
    apart = ~np.eye(terms, dtype=bool)
    assert np.abs(np.corrcoef(size.T)[apart]).max() < 4.5 / N**0.5
    assert np.abs(np.exp(1j * phase).T @ np.exp(-1j * phase) / N)[apart].max() < 4.5 / N**0.5


def test_the_energy_is_that_of_the_paper_s_formula():
    noise = _noise(4 * N, 250, 2.5, spacing=[0.1, 0.1])[:, 6]
    # E C² · K · E a² / 2 = 1.25 · 3 · (0.25 / 3) / 2
    assert abs((noise**2).mean() / (1.25 * 0.125) - 1) < 0.1
    assert abs(noise.mean()) < 1e-6, "whole periods"


def test_leads_share_the_cosines_and_scale_them_by_a_normal_factor_each():
    noise = _noise(N, 200, 2.0)
    strength = np.linalg.svd(noise, compute_uv=False)
    assert (strength[:, 1] < 1e-5 * strength[:, 0]).all()
    reference = _noise(N, 200, 2.0, gain="equal")[:, 0]  # the same draws without C
    gains = (noise * reference[:, None]).sum(2) / (reference**2).sum(1)[:, None]
    assert kstest(gains[:, 1], "norm", args=(1, 0.5)).pvalue > 1e-3
    assert abs(np.corrcoef(gains[:, 1], gains[:, 7])[0, 1]) < 4.5 / N**0.5
    assert kstest(gains[:, 2], "norm", args=(0, 0.5**0.5)).pvalue > 1e-3, "III = II - I"
    one = _noise(N, 200, 2.0, gain_per="window")[:, [0, 1, *range(6, 12)]]
    assert (one == one[:, :1]).all() and one.any()


@pytest.mark.parametrize("settings, rate", [({}, 1.0), ({"terms": 50, "spacing": [0.01, 2.0]}, 100.0)])
def test_cosines_above_half_the_rate_are_refused(settings, rate):
    with pytest.raises(ValueError, match="baseline wander must stay within half the sampling rate"):
        _noise(2, 100, rate, **settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"terms": 0}, "terms of baseline wander must be 1, 2, 3, …, got 0"),
        ({"spacing": [0.2, 0.01]}, r"spacing of baseline wander must be \[lowest, highest\] Hz from 0 on, got"),
        ({"spacing": 0.1}, r"spacing of baseline wander must be \[lowest, highest\] Hz from 0 on, got 0.1"),
        ({"spacing": [-0.1, 0.1]}, "spacing of baseline wander must be"),
        ({"spacing": [0.1, float("nan")]}, "spacing of baseline wander must be"),
        ({"multiples": 1}, "multiples must be true or false, got 1"),
        ({"gain": "wild"}, "gain of a noise must be one of"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BaselineWanderSettings(**settings)
