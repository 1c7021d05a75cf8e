import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d, gaussian_filter1d
from scipy.stats import kstest

from fairseq_signals.transforms.gaussian_blur import KERNEL, GaussianBlur, GaussianBlurSettings, gaussian_kernel
from fairseq_signals.transforms.windows import Windows


def _blurred(signal, lengths=None, rate=100.0, seed=0, **settings):
    windows = Windows(signal, torch.ones(signal.shape[:2], dtype=torch.bool), lengths)
    blur = GaussianBlur(GaussianBlurSettings(**settings))
    return blur(windows.with_signal(signal), rate, torch.Generator().manual_seed(seed))


def _random(batch=4, leads=3, samples=60):
    return torch.randn(batch, leads, samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("settings, kernel", [({}, KERNEL), ({"sigma_seconds": 0.02}, gaussian_kernel(2.0))])
def test_every_valid_sample_is_the_mean_of_its_valid_neighbours(settings, kernel):
    lengths = torch.tensor([60, 41, 3, 1])
    signal = _random()
    out = _blurred(signal, lengths, **settings)
    for row, length in enumerate(lengths.tolist()):
        part = signal[row, :, :length].double().numpy()
        sums, weights = (correlate1d(x, kernel, mode="constant") for x in (part, np.ones_like(part)))
        np.testing.assert_allclose(out.signal[row, :, :length], sums / weights, atol=1e-5)
        assert not out.signal[row, :, length:].any()
    assert torch.equal(out.lengths, lengths)


def test_inside_a_window_it_is_scipys_gaussian_filter():
    signal = _random(samples=500)
    out = _blurred(signal, rate=500.0, sigma_seconds=0.007).signal
    expected = gaussian_filter1d(signal.double().numpy(), 3.5, axis=2)
    np.testing.assert_allclose(out[..., 20:-20], expected[..., 20:-20], atol=1e-5)


@pytest.mark.parametrize("hertz, kept", [(5.0, 0.94), (20.0, 0.36), (50.0, 0.20)])
def test_the_spectrum_is_lowered_as_the_kernel_says(hertz, kept):
    samples = 2000
    tone = torch.cos(2 * torch.pi * hertz / 100 * torch.arange(samples, dtype=torch.float64)).float()
    out = _blurred(tone.expand(1, 2, -1).clone()).signal[0, 1, 100:-100].double().numpy()
    line = round(hertz * (samples - 200) / 100)
    before = np.fft.rfft(tone[100:-100].double().numpy())[line]
    ratio = np.fft.rfft(out)[line] / before
    turn = 2 * np.pi * hertz / 100
    assert ratio == pytest.approx(0.4 + 0.4 * np.cos(turn) + 0.2 * np.cos(2 * turn), abs=1e-4)
    assert abs(ratio) == pytest.approx(kept, abs=0.005), "as the docstring says"


def test_a_constant_stays_constant_up_to_the_ends_of_what_is_valid():
    lengths = torch.tensor([30, 4, 0])
    out = _blurred(torch.full((3, 2, 30), 0.7), lengths)
    valid = torch.arange(30) < lengths.unsqueeze(1)
    torch.testing.assert_close(out.signal, 0.7 * valid.unsqueeze(1).expand_as(out.signal).float())


def test_a_range_of_widths_gives_each_window_its_own_uniform_one():
    pulse = torch.zeros(2000, 2, 101)
    pulse[:, :, 50] = 1.0
    out = _blurred(pulse, sigma_seconds=[0.02, 0.08]).signal.double()
    assert torch.equal(out[:, 0], out[:, 1])
    moment = ((torch.arange(101) - 50.0).square() * out[:, 0]).sum(1).sqrt()  # samples of 10 ms
    assert kstest(moment.numpy(), "uniform", args=(2, 6)).pvalue > 1e-3
    torch.testing.assert_close(out.sum(2), torch.ones(2000, 2, dtype=torch.float64), atol=1e-4, rtol=0)
    single = _blurred(pulse[:1], sigma_seconds=0.05).signal
    torch.testing.assert_close(_blurred(pulse[:1], sigma_seconds=[0.05, 0.05]).signal, single)


def test_windows_of_own_widths_keep_constants_and_padding():
    lengths = torch.tensor([30, 4, 0])
    out = _blurred(torch.full((3, 2, 30), 0.7), lengths, sigma_seconds=[0.01, 0.1])
    valid = torch.arange(30) < lengths.unsqueeze(1)
    torch.testing.assert_close(out.signal, 0.7 * valid.unsqueeze(1).expand_as(out.signal).float())


def test_windows_are_changed_with_the_probability():
    signal = _random(2000, 1, 10)
    changed = (_blurred(signal, probability=0.3).signal != signal).flatten(1).any(1)
    assert abs(float(changed.float().mean()) - 0.3) < 4.5 * (0.21 / 2000) ** 0.5
    assert torch.equal(_blurred(signal, probability=0.0).signal, signal)


@pytest.mark.parametrize("sigma", [0, -0.1, float("inf"), "wide", [0, 0.1], [0.2, 0.1]])
def test_impossible_widths_are_refused(sigma):
    with pytest.raises(ValueError, match=r"sigma_seconds of gaussian_blur must be a number above 0, .* or none, got"):
        GaussianBlurSettings(sigma_seconds=sigma)
    with pytest.raises(ValueError, match="probability of gaussian_blur must lie in 0 to 1, got"):
        GaussianBlurSettings(probability=sigma or 2)
