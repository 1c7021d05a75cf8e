import numpy as np
import pytest
import scipy.signal
import torch

from fairseq_signals.modules.preprocess import Preprocess, PreprocessSettings, band_pass, z_score

RATE, B, L, T = 500.0, 3, 4, 1200
LENGTHS = torch.tensor([T, 801, 350])
EVERY = [
    {},
    {"normalise": "window"},
    {"normalise": "constant", "mean": [0.3], "deviation": [0.2]},
    {"normalise": "constant", "mean": [0.1, 0.2, 0.3, 0.4], "deviation": [0.2, 0.3, 0.4, 0.5]},
    {"normalise": "constant", "deviation": [2.0]},
    {"low_hz": 0.5, "high_hz": 40.0},
    {"normalise": "window", "low_hz": 0.05},
    {"normalise": "constant", "mean": [0.3], "deviation": [0.2], "high_hz": 100.0},
]


def _windows(seed=0):
    """Drifting noise with an offset, in millivolts; zero behind each window's valid samples."""
    generator = torch.Generator().manual_seed(seed)
    signal = torch.randn(B, L, T, generator=generator).cumsum(2) * 0.02 + 1.5
    return signal * (torch.arange(T) < LENGTHS[:, None, None])


def test_z_score_equals_numpy_over_the_valid_samples():
    signal = _windows()
    output = Preprocess(PreprocessSettings("window"), RATE, L)(signal, LENGTHS)
    for b, n in enumerate(LENGTHS.tolist()):
        part = signal[b, :, :n].double().numpy()
        expected = (part - part.mean(1, keepdims=True)) / part.std(1, keepdims=True)
        np.testing.assert_allclose(output[b, :, :n], expected, rtol=0, atol=2e-5)
        assert not output[b, :, n:].any()


@pytest.mark.parametrize("offset", [0.0, 1.7, -19.3])
def test_a_flat_lead_stays_zero_and_does_not_become_noise(offset):
    signal = torch.full((1, 1, 5000), offset)
    assert float(z_score(signal).abs().max()) < 0.01
    # Noise far below a microvolt stays below what a lead of signal has.
    noisy = signal + 1e-6 * torch.randn(1, 1, 5000, generator=torch.Generator().manual_seed(0))
    assert float(z_score(noisy).abs().max()) < 0.02


def test_constants_are_taken_per_lead():
    settings = PreprocessSettings("constant", [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0])
    signal = torch.randn(2, 4, 10)
    output = Preprocess(settings, RATE, 4)(signal)
    for lead in range(4):
        expected = (signal[:, lead] - 0.1 * (lead + 1)) / (lead + 1)
        torch.testing.assert_close(output[:, lead], expected)


@pytest.mark.parametrize("settings", EVERY)
def test_absent_leads_and_padding_stay_zero(settings):
    present = torch.rand(B, L, generator=torch.Generator().manual_seed(1)) < 0.5
    signal = _windows() * present.unsqueeze(2)
    output = Preprocess(PreprocessSettings(**settings), RATE, L)(signal, LENGTHS, present)
    valid = torch.arange(T) < LENGTHS[:, None]
    assert (output[~present] == 0).all() and output[present].any()
    assert (output.transpose(1, 2)[~valid] == 0).all() and output.isfinite().all()


@pytest.mark.parametrize("settings", EVERY)
def test_a_padded_window_equals_the_window_without_its_padding(settings):
    signal, preprocess = _windows(), Preprocess(PreprocessSettings(**settings), RATE, L)
    output = preprocess(signal, LENGTHS)
    for b, n in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(output[b : b + 1, :, :n], preprocess(signal[b : b + 1, :, :n]), rtol=0, atol=3e-5)


@pytest.mark.parametrize("settings", EVERY)
def test_everything_runs_in_float32_whatever_the_model(settings):
    signal = _windows()
    preprocess = Preprocess(PreprocessSettings(**settings), RATE, L).to(torch.bfloat16)
    output = preprocess(signal, LENGTHS)
    assert output.dtype == torch.float32
    assert torch.equal(output, Preprocess(PreprocessSettings(**settings), RATE, L)(signal, LENGTHS))
    assert preprocess(signal.to(torch.float16)).dtype == torch.float32


def _reflected(signal: np.ndarray, times: int) -> np.ndarray:
    """The signal continued by point reflection at both ends, again and again."""
    for _ in range(times):
        before = 2 * signal[..., :1] - signal[..., :0:-1]
        after = 2 * signal[..., -1:] - signal[..., -2::-1]
        signal = np.concatenate([before, signal, after], axis=-1)
    return signal


@pytest.mark.parametrize("low_hz, high_hz", [(None, 40.0), (0.5, None), (0.5, 40.0), (0.05, 150.0), (60.0, 200.0)])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_band_pass_is_scipy_s_butterworth_filter_forward_and_backward(low_hz, high_hz, order):
    signal = _windows()[:1, :1]
    # Long enough that the slowest filter has settled before the window begins.
    expected = _reflected(signal.double().numpy(), 4)
    begin = (expected.shape[-1] - T) // 2
    for cutoff, kind in ((low_hz, "high"), (high_hz, "low")):
        if cutoff:
            sos = scipy.signal.butter(order, cutoff, kind, fs=RATE, output="sos")
            expected = scipy.signal.sosfiltfilt(sos, expected, axis=-1)
    received = band_pass(signal, RATE, low_hz, high_hz, order)
    np.testing.assert_allclose(received, expected[..., begin : begin + T], rtol=0, atol=5e-6)


def test_band_pass_equals_sosfiltfilt_as_called_by_everyone():
    signal = _windows()[:1]
    sos = scipy.signal.butter(2, 40.0, "low", fs=RATE, output="sos")
    expected = scipy.signal.sosfiltfilt(sos, signal.double().numpy(), axis=-1, padlen=T - 1)
    np.testing.assert_allclose(band_pass(signal, RATE, None, 40.0, 2), expected, rtol=0, atol=1e-5)


def test_measured_spectrum_passes_the_band_halves_the_cutoffs_and_stops_the_rest():
    seconds = np.arange(20_000) / RATE
    for hz, low, high in ((0.1, 0, 0.01), (1.0, 0.49, 0.51), (10.0, 0.99, 1.01), (40.0, 0.49, 0.51), (200.0, 0, 1e-4)):
        wave = torch.tensor(np.sin(2 * np.pi * hz * seconds), dtype=torch.float32)[None, None]
        middle = band_pass(wave, RATE, 1.0, 40.0, 2)[0, 0, 5000:15_000]
        assert low <= float(middle.abs().max()) <= high, hz


def test_a_straight_drift_passes_the_low_pass_and_not_the_high_pass():
    line = torch.linspace(-3, 5, 1000).expand(1, 1, -1)
    torch.testing.assert_close(band_pass(line, RATE, None, 30.0, 2), line, rtol=0, atol=1e-5)
    assert float(band_pass(line, RATE, 0.5, None, 2).abs().max()) < 1e-5


@pytest.mark.parametrize("order", [1, 8, 20])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_the_shortest_windows_and_the_steepest_filters_give_finite_numbers(order, length):
    signal = torch.randn(2, 1, 50)
    output = band_pass(signal, RATE, 0.05, 249.0, order, torch.tensor([length, 50]))
    assert output.isfinite().all() and output.shape == signal.shape


def test_the_input_is_not_modified():
    signal = _windows()
    before = signal.clone()
    for settings in EVERY:
        Preprocess(PreprocessSettings(**settings), RATE, L)(signal, LENGTHS, torch.ones(B, L, dtype=torch.bool))
    assert torch.equal(signal, before)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"normalise": "zscore"}, "normalise must be 'none', 'constant' or 'window', got 'zscore'"),
        ({"normalise": "constant"}, "deviation must hold positive millivolts for 'constant', got None"),
        ({"normalise": "constant", "deviation": [1.0, 0.0]}, r"deviation must be a list of positive .* got \[1.0, 0.0"),
        ({"normalise": "constant", "deviation": []}, r"deviation must be a list of positive millivolts, got \[\]"),
        ({"normalise": "constant", "deviation": 0.3}, "deviation must be a list of positive millivolts, got 0.3"),
        ({"normalise": "constant", "deviation": [float("nan")]}, "deviation must be a list of positive millivolts"),
        ({"normalise": "constant", "mean": ["a"], "deviation": [1]}, "mean must be a list of finite millivolts"),
        ({"mean": [0.1]}, "mean must be given with normalise 'constant' only, got it with 'none'"),
        ({"normalise": "window", "deviation": [0.1]}, "deviation must be given with normalise 'constant' only"),
        ({"low_hz": 40.0, "high_hz": 1.0}, "low_hz must be below high_hz, got 40.0 and 1.0"),
        ({"order": 0}, "order of the filter must be a whole number from 1 on, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PreprocessSettings(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"high_hz": 50.0}, r"high_hz must lie between 0 and 50.0 Hz \(half of rate\), got 50.0"),
        ({"low_hz": 0.0}, "low_hz must lie between 0 and 50.0 Hz"),
        ({"low_hz": -1.0}, "low_hz must lie between 0 and 50.0 Hz"),
        ({"normalise": "constant", "deviation": [1.0] * 3}, r"deviation must hold 1 or 12 numbers .* got 3"),
        ({"normalise": "constant", "deviation": [1.0], "mean": [1.0] * 2}, "mean must hold 1 or 12 numbers .* got 2"),
    ],
)
def test_settings_that_do_not_fit_the_windows_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Preprocess(PreprocessSettings(**settings), 100.0, 12)
