import pytest
import torch
from scipy.stats import kstest

from fairseq_signals.transforms.gaussian_noise import GaussianNoise, GaussianNoiseSettings
from fairseq_signals.transforms.windows import Windows


def _noise(batch=200, samples=100, lengths=None, seed=0, **settings):
    """What is added to silent windows, `[B, 12, T]`."""
    windows = Windows(torch.zeros(batch, 12, samples), torch.ones(batch, 12, dtype=torch.bool), lengths)
    transform = GaussianNoise(GaussianNoiseSettings(**settings))
    return transform(windows, 100.0, torch.Generator().manual_seed(seed)).signal.double()


@pytest.mark.parametrize("sigma", [0.005, 0.2])
def test_noise_is_white_normal_and_independent_in_all_leads(sigma):
    noise = _noise(sigma=sigma)
    assert kstest(noise.flatten().numpy() / sigma, "norm").pvalue > 1e-3
    leads = noise.transpose(0, 1).reshape(12, -1)
    apart = ~torch.eye(12, dtype=torch.bool)
    assert float(torch.corrcoef(leads)[apart].abs().max()) < 4.5 / leads.shape[1] ** 0.5
    power = torch.fft.rfft(noise).abs().square().mean((0, 1))
    assert float((power[1:-1] / power[1:-1].mean() - 1).abs().max()) < 4.5 / (200 * 12) ** 0.5


def test_limb_relations_hold_where_they_are_to_be_kept():
    one, two, three, right, left, foot = _noise(limb_relations=True)[:, :6].unbind(1)
    errors = [three - (two - one), right + (one + two) / 2, left - (one - two / 2), foot - (two - one / 2)]
    assert max(float(error.abs().max()) for error in errors) < 1e-6 and one.std() == pytest.approx(0.005, rel=0.05)
    one, two, three = _noise()[:, :3].unbind(1)
    assert float((three - (two - one)).abs().max()) > 0.01


def test_noise_is_added_to_windows_with_the_probability():
    noise = _noise(2000, 10, probability=0.3).flatten(1).any(1)
    assert abs(float(noise.float().mean()) - 0.3) < 4.5 * (0.21 / 2000) ** 0.5
    signal = torch.randn(4, 12, 50, generator=torch.Generator().manual_seed(1))
    windows = Windows(signal, torch.ones(4, 12, dtype=torch.bool))
    noisy = GaussianNoise(GaussianNoiseSettings())(windows, 100.0, torch.Generator().manual_seed(0)).signal
    torch.testing.assert_close(noisy, signal + _noise(4, 50).float())


def test_padding_stays_zero():
    lengths = torch.tensor([100, 30, 0])
    noise = _noise(3, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        assert noise[row, :, :length].all() and not noise[row, :, length:].any()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"sigma": -0.1}, "sigma of gaussian_noise must be a number of mV from 0 on, got -0.1"),
        ({"sigma": float("nan")}, "sigma of gaussian_noise must be a number of mV from 0 on, got nan"),
        ({"limb_relations": 1}, "limb_relations must be true or false, got 1"),
        ({"probability": 1.5}, "probability of gaussian_noise must lie in 0 to 1, got 1.5"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GaussianNoiseSettings(**settings)
