import numpy as np
import pytest
import torch
from scipy.stats import kstest

from fairseq_signals.transforms.pipeline import Pipeline
from fairseq_signals.transforms.random_resized_crop import (
    RandomResizedCrop,
    RandomResizedCropSettings,
    even_positions,
    random_positions,
)
from fairseq_signals.transforms.windows import Windows

N = 2000


def _windows(signal, lengths=None):
    windows = Windows(signal, torch.ones(signal.shape[:2], dtype=torch.bool), lengths)
    return windows.with_signal(signal)


def _ramp(batch, samples, lengths=None, leads=2):
    """Signals whose value is the place of the sample, so that the result tells where each sample came from."""
    ramp = torch.arange(samples, dtype=torch.float32)
    return _windows(ramp.expand(batch, leads, -1).clone(), lengths)


def _apply(windows, seed=0, rate=100.0, **settings):
    generator = torch.Generator().manual_seed(seed)
    return RandomResizedCrop(RandomResizedCropSettings(**settings))(windows, rate, generator)


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_a_tone_is_lowered_by_the_share(share):
    samples, rate, hertz = 1000, 100.0, 4.0
    tone = torch.cos(2 * torch.pi * hertz / rate * torch.arange(samples)).expand(8, 12, -1)
    out = _apply(_windows(tone.clone()), share=[share, share]).signal[:, 3].double().numpy()
    spectrum = np.abs(np.fft.rfft(out * np.hanning(samples), 16 * samples))
    found = spectrum.argmax(1) * rate / (16 * samples)
    np.testing.assert_allclose(found, hertz * share, atol=0.02)


def test_shares_and_places_are_uniform_and_differ_by_window():
    source = _apply(_ramp(N, 250)).signal[:, 0].double()
    first, last = source[:, 0], source[:, -1]
    share = (last - first) / 249
    assert kstest(share.numpy(), "uniform", args=(0.5, 0.5)).pvalue > 1e-3
    assert kstest((first / (249 * (1 - share))).numpy(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(share[1:], share[:-1])[0, 1]) < 4.5 / N**0.5
    steps = source.diff(dim=1)
    assert float((steps - share.unsqueeze(1)).abs().max()) < 1e-3, "evenly stretched"


def test_all_leads_have_the_same_crop():
    source = _apply(_ramp(20, 100, leads=12)).signal
    assert torch.equal(source, source[:, :1].expand_as(source))


@pytest.mark.parametrize("places", ["even", "random"])
def test_padded_windows_are_cropped_and_drawn_out_within_what_is_valid(places):
    lengths = torch.tensor([250, 130, 40, 7, 2, 1, 0]).repeat(100)
    out = _apply(_ramp(700, 250, lengths), places=places)
    assert torch.equal(out.lengths, lengths)
    for row, length in enumerate(lengths.tolist()):
        source = out.signal[row, 0]
        assert not source[length:].any(), "padding stays"
        if length > 7:
            span = float(source[length - 1] - source[0])
            assert 0.5 * (length - 1) - 2 < span <= length - 1 and float(source[:length].max()) <= length - 1
            assert (source[:length].diff() > 0).all()
    shortest = out.signal[6::7]
    assert not shortest.any()


def test_a_whole_window_or_an_unlikely_change_leaves_every_bit():
    windows = _windows(torch.randn(50, 12, 250, generator=torch.Generator().manual_seed(1)))
    for settings in ({"share": [1.0, 1.0]}, {"probability": 0.0}):
        for places in ("even", "random"):
            assert torch.equal(_apply(windows, places=places, **settings).signal, windows.signal)
    changed = (_apply(_ramp(N, 50), probability=0.3).signal != _ramp(N, 50).signal).flatten(1).any(1)
    assert abs(float(changed.float().mean()) - 0.3) < 4.5 * (0.21 / N) ** 0.5


def test_views_of_one_window_have_crops_of_their_own():
    views = Pipeline("augment", "random_resized_crop, time_out", 100.0)(_ramp(6, 250), torch.Generator().manual_seed(0))
    assert len(views.signal) == 12
    assert all(not torch.equal(views.signal[row], views.signal[row + 6]) for row in range(6))


def test_even_positions_against_a_plain_loop():
    share, uniform = torch.tensor([0.5, 0.8, 1.0]), torch.tensor([0.0, 0.25, 0.9])
    lengths = torch.tensor([11, 6, 11])
    found = even_positions(share, uniform, lengths, 11)
    for row, length in enumerate(lengths.tolist()):
        spare = (length - 1) * (1 - float(share[row]))
        for place in range(length):
            assert float(found[row, place]) == pytest.approx(float(uniform[row]) * spare + float(share[row]) * place)


def test_random_positions_against_a_plain_loop():
    generator = torch.Generator().manual_seed(2)
    share, uniform = torch.rand(40, generator=generator), torch.rand(40, generator=generator)
    keys = torch.rand(40, 30, generator=generator)
    lengths = torch.randint(2, 31, (40,), generator=generator)
    found = random_positions(share, uniform, keys, lengths)
    for row, length in enumerate(lengths.tolist()):
        count = max(int(np.float32(share[row]) * np.float32(length)), 2)
        inner = sorted(range(1, length - 1), key=lambda place: float(keys[row, place]))[: count - 2]
        places = sorted([0, *inner, length - 1])
        first = int(np.float32(uniform[row]) * np.float32(length - count + 1))
        expected = np.interp(np.arange(length), places, first + np.arange(count))
        np.testing.assert_allclose(found[row, :length].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"share": [0, 1]}, r"share of random_resized_crop must be \[smallest, largest\], above 0 to 1, got \[0, 1\]"),
        ({"share": [0.9, 0.5]}, r"share of random_resized_crop must be .*, got \[0.9, 0.5\]"),
        ({"share": 0.5}, r"share of random_resized_crop must be .*, got 0.5"),
        ({"share": [0.5, 1.1]}, r"share of random_resized_crop must be .*, got \[0.5, 1.1\]"),
        ({"places": "odd"}, "places of random_resized_crop must be even or random, got 'odd'"),
        ({"probability": 2}, "probability of random_resized_crop must lie in 0 to 1, got 2"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RandomResizedCropSettings(**settings)
