import numpy as np
import pytest
import torch
from scipy.stats import kstest

from fairseq_signals.transforms.resize import Resize, ResizeSettings, resized_positions
from fairseq_signals.transforms.windows import Windows

N = 1000


def _ramp(batch, samples, lengths=None, leads=2):
    """Signals whose value is the place of the sample, from 1 on, so that the result tells where each came from."""
    ramp = torch.arange(1.0, samples + 1).expand(batch, leads, -1)
    windows = Windows(ramp.clone(), torch.ones(batch, leads, dtype=torch.bool), lengths)
    return windows.with_signal(windows.signal)


def _apply(windows, seed=0, **settings):
    return Resize(ResizeSettings(**settings))(windows, 100.0, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_tone_is_lowered_by_the_factor_in_the_valid_part(factor):
    rate, samples, hertz = 100.0, 1000, 4.0
    tone = torch.cos(2 * torch.pi * hertz / rate * torch.arange(samples)).expand(2, 12, -1).clone()
    out = _apply(Windows(tone, torch.ones(2, 12, dtype=torch.bool)), factor=[factor, factor])
    part = out.signal[1, 7, : int(out.valid_lengths[1])].double().numpy()
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 16 * samples))
    assert spectrum.argmax() * rate / (16 * samples) == pytest.approx(hertz / factor, abs=0.02)


def test_a_compressed_window_holds_all_of_it_first_and_padding_behind():
    out = _apply(_ramp(4, 101), factor=[0.5, 0.5])
    assert out.lengths.tolist() == [51] * 4, "samples 0, 2, ..., 100"
    assert out.signal[2, 1].tolist() == [*range(1, 102, 2), *([0.0] * 50)]
    silent = _apply(_ramp(4, 101), factor=[0.5, 0.5], rest="silence")
    assert silent.lengths is None and torch.equal(silent.signal, out.signal)


def test_a_stretched_window_stays_full_and_its_crop_lies_anywhere():
    out = _apply(_ramp(N, 201), factor=[2.0, 2.0])
    first = out.signal[:, 0, 0].double() - 1
    assert kstest((first / 100).numpy(), "uniform").pvalue > 1e-3
    torch.testing.assert_close(out.signal.diff(dim=2), torch.full((N, 2, 200), 0.5), atol=1e-4, rtol=0)
    assert out.signal.max() <= 201 and torch.equal(out.signal[:, 0], out.signal[:, 1])


def test_factors_are_uniform_in_their_logarithm_and_differ_by_window():
    out = _apply(_ramp(N, 4001))
    step = (out.signal[:, 0, 1000] - out.signal[:, 0, 0]).double() / 1000  # 1 / factor
    spread = np.log(1.25)
    assert kstest(-step.log().numpy(), "uniform", args=(-spread, 2 * spread)).pvalue > 1e-3


def test_padded_windows_are_resized_within_what_is_valid():
    lengths = torch.tensor([101, 50, 2, 1, 0])
    half = _apply(_ramp(5, 101, lengths), factor=[0.5, 0.5])
    assert half.lengths.tolist() == [51, 25, 1, 1, 0]
    double = _apply(_ramp(5, 101, lengths), factor=[2.0, 2.0])
    assert double.lengths is lengths
    for row, length in enumerate(lengths.tolist()):
        assert double.signal[row].max() <= length and not double.signal[row, :, length:].any()


def test_positions_against_a_plain_loop():
    generator = torch.Generator().manual_seed(2)
    factor, uniform = 0.5 + 1.5 * torch.rand(60, generator=generator), torch.rand(60, generator=generator)
    lengths = torch.randint(0, 31, (60,), generator=generator)
    position, counts = resized_positions(factor, uniform, lengths, 30)
    for row, length in enumerate(lengths.tolist()):
        f, span = float(factor[row].double()), max(length - 1, 0)
        first = float(uniform[row]) * max(span - span / f, 0)
        places = [first + t / f for t in range(length) if t / f <= span + 1e-4]
        assert int(counts[row]) == len(places)
        np.testing.assert_allclose(position[row, : len(places)], np.minimum(places, span), atol=1e-6)


def test_windows_are_changed_with_the_probability_and_the_others_to_no_bit():
    windows = _ramp(N, 50)
    out = _apply(windows, probability=0.3)
    changed = (out.signal != windows.signal).flatten(1).any(1)
    assert abs(float(changed.float().mean()) - 0.3) < 4.5 * (0.21 / N) ** 0.5
    assert (out.lengths[~changed] == 50).all()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"factor": [0, 1]}, r"factor of resize must be \[smallest, largest\] above 0, got \[0, 1\]"),
        ({"factor": 2.0}, r"factor of resize must be .*, got 2.0"),
        ({"rest": "edge"}, "rest of resize must be padding or silence, got 'edge'"),
        ({"probability": 2}, "probability of resize must lie in 0 to 1, got 2"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ResizeSettings(**settings)
