import numpy as np
import pytest
import torch
from scipy.stats import kstest, kurtosis

from fairseq_signals.transforms.emg import Emg, EmgSettings
from fairseq_signals.transforms.windows import Windows

INDEPENDENT = [0, 1, *range(6, 12)]


def _noise(batch, samples, seed=0, **settings):
    """What is added to silent windows, `[batch, 12, samples]` in float64."""
    windows = Windows(torch.zeros(batch, 12, samples), torch.ones(batch, 12, dtype=torch.bool))
    generator = torch.Generator().manual_seed(seed)
    return Emg(EmgSettings(**settings))(windows, 500.0, generator).signal.double().numpy()


@pytest.mark.parametrize("sigma_per", ["lead", "window", "sample"])
def test_emg_is_white(sigma_per):
    noise = _noise(400, 250, sigma_per=sigma_per)
    noise = noise / noise.std(axis=2, keepdims=True)
    power = (np.abs(np.fft.rfft(noise[:, INDEPENDENT])) ** 2 / 250).mean((0, 1))[1:-1]
    # Each bin is exponentially distributed about 1; 3,200 of them are averaged.
    assert np.abs(power - 1).max() < 4.5 / 3200**0.5
    three = (np.abs(np.fft.rfft(noise[:, 2])) ** 2 / 250).mean(0)[1:-1]
    assert np.abs(three - 1).max() < 4.5 / 400**0.5


@pytest.mark.parametrize("sigma_per", ["lead", "window", "sample"])
def test_emg_is_independent_in_independent_leads_and_windows(sigma_per):
    noise = _noise(40, 2000, sigma_per=sigma_per)[:, INDEPENDENT].reshape(-1, 2000)
    correlation = np.corrcoef(noise)[~np.eye(320, dtype=bool)]
    assert np.abs(correlation).max() < 6 / 2000**0.5  # 51,040 pairs


@pytest.mark.parametrize("amplitude", [0.5, 0.1])
def test_sigma_is_uniform_by_lead(amplitude):
    noise = _noise(250, 2000, amplitude=amplitude)[:, INDEPENDENT]
    sigma = noise.std(2)
    assert kstest(sigma[:, 0], "uniform", args=(0, amplitude)).pvalue > 1e-3
    assert np.abs(np.corrcoef(sigma.T)[~np.eye(8, dtype=bool)]).max() < 4.5 / 250**0.5
    # Var(σ²) = a⁴ / 5 - (a² / 3)² = 4 a⁴ / 45.
    assert abs((sigma**2).mean() / (amplitude**2 / 3) - 1) < 4.5 * (4 / 45 / 2000) ** 0.5 * 3
    assert np.abs(noise.mean(2) / sigma).max() < 5 / 2000**0.5
    assert np.abs(kurtosis(noise, axis=2)).mean() < 0.2, "given its sigma, noise is Gaussian"


def test_one_sigma_for_all_leads_of_a_window():
    sigma = _noise(250, 2000, sigma_per="window")[:, INDEPENDENT].std(2)
    assert np.abs(sigma / sigma.mean(1, keepdims=True) - 1).max() < 0.1
    assert kstest(sigma.mean(1), "uniform", args=(0, 0.5)).pvalue > 1e-3


def test_a_sigma_for_each_sample_has_heavier_tails():
    noise = _noise(40, 2500, sigma_per="sample")[:, INDEPENDENT].ravel()
    assert abs(noise.var() / (0.25 / 3) - 1) < 0.02
    # E n⁴ / (E n²)² - 3 = 3 (1 / 5) / (1 / 3)² - 3 = 2.4, against 0 of a Gaussian.
    assert abs(kurtosis(noise) - 2.4) < 0.1


def test_the_noise_of_computed_leads_is_the_sum_of_those_of_i_and_ii():
    variance = _noise(60, 2000).var(2)
    for lead, (of_one, of_two) in {2: (1, 1), 3: (0.25, 0.25), 4: (1, 0.25), 5: (0.25, 1)}.items():
        expected = of_one * variance[:, 0] + of_two * variance[:, 1]
        assert np.abs(variance[:, lead] / expected - 1).max() < 0.12
    own = _noise(60, 2000, limb_relations=False)
    assert np.abs([np.corrcoef(window)[~np.eye(12, dtype=bool)] for window in own]).max() < 6 / 2000**0.5


@pytest.mark.parametrize("sigma_per", ["time", None, 3])
def test_unknown_scopes_of_sigma_are_refused(sigma_per):
    with pytest.raises(ValueError, match="sigma_per of EMG noise must be lead, window or sample, got"):
        EmgSettings(sigma_per=sigma_per)
