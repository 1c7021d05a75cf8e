import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from fairseq_signals.transforms.baseline_shift import BaselineShift, BaselineShiftSettings, shift_wave
from fairseq_signals.transforms.windows import Windows

N = 4000
MEHARI = {"seconds": 3, "spans_per_second": 0.3, "amplitude": 1, "scale_power": 1, "gain": "signed_normal"}


def _noise(batch, samples, rate=100.0, lengths=None, seed=0, **settings):
    """What is added to silent windows, `[batch, 12, samples]`."""
    signal = torch.zeros(batch, 12, samples)
    lengths = None if lengths is None else torch.as_tensor(lengths)
    windows = Windows(signal, torch.ones(batch, 12, dtype=torch.bool), lengths)
    generator = torch.Generator().manual_seed(seed)
    return BaselineShift(BaselineShiftSettings(**settings))(windows, rate, generator).signal.numpy()


def _spans(rows):
    """First sample, stop and value of the one span of each row; fails where there is not exactly one."""
    found = []
    for row in rows:
        places = np.flatnonzero(row)
        assert len(places) == places[-1] - places[0] + 1, "one contiguous span"
        assert len(set(row[places].tolist())) == 1, "constant within"
        found.append((places[0], places[-1] + 1, row[places[0]]))
    return np.array(found)


@pytest.mark.parametrize("settings", [{}, {"ratio": 0.2}, {"seconds": 0.3}])
def test_shift_is_one_constant_span_and_zero_elsewhere(settings):
    noise = _noise(300, 100, **settings)
    spans = [_spans(noise[:, lead]) for lead in (0, 1, 6, 11)]
    for other in spans[1:]:
        assert (other[:, :2] == spans[0][:, :2]).all(), "leads are shifted at the same time"
        np.testing.assert_allclose(np.abs(other[:, 2]), np.abs(spans[0][:, 2]))


@pytest.mark.parametrize("amplitude", [0.5, 0.25])
@pytest.mark.parametrize("gain", ["sign", "equal"])
def test_steps_are_uniform(amplitude, gain):
    steps = _spans(_noise(N, 20, amplitude=amplitude, gain=gain)[:, 1])[:, 2]
    assert kstest(steps, "uniform", args=(-amplitude, 2 * amplitude)).pvalue > 1e-3
    assert abs(steps.var() / (amplitude**2 / 3) - 1) < 0.1


def test_each_lead_has_a_sign_of_its_own():
    noise = _noise(N, 5)[:, [0, 1, 6, 7, 8, 9, 10, 11]]
    signs = np.sign(np.where(noise.any(1, keepdims=True), noise, 0).sum(2))
    same = np.corrcoef(signs.T)[~np.eye(8, dtype=bool)]
    assert np.abs(same).max() < 4.5 / N**0.5
    equal = _noise(50, 5, gain="equal")
    assert (equal[:, 1] == equal[:, 0]).all() and not equal[:, 2].any(), "III = II - I"


def test_both_ends_of_a_span_are_uniform():
    samples = 8
    spans = _spans(_noise(N, samples)[:, 6])
    counts = np.zeros((samples, samples))
    for first, stop, _ in spans.astype(int):
        counts[first, stop - 1] += 1
    # Two ends among 8 samples: 1/64 for both at one sample, 2/64 for each other pair.
    pairs = [(i, j) for i in range(samples) for j in range(i, samples)]
    expected = [N * (1 if i == j else 2) / samples**2 for i, j in pairs]
    assert not np.tril(counts, -1).any()
    assert chisquare([counts[pair] for pair in pairs], expected).pvalue > 1e-3


@pytest.mark.parametrize("settings", [{}, {"ratio": 0.4}, {"seconds": 0.2}])
def test_spans_of_padded_windows_lie_in_what_was_recorded(settings):
    lengths = np.tile([100, 60, 30, 12], 500)
    noise = _noise(2000, 100, lengths=lengths, **settings)[:, 6]
    spans = _spans(noise)
    assert (spans[:, 1] <= lengths).all()
    for length in (100, 60, 30):
        mean = (spans[:, 1] - spans[:, 0])[lengths == length].mean()
        # Two uniform ends among n samples lie (n² - 1) / 3n apart on average.
        expected = (length**2 - 1) / (3 * length) + 1 if not settings else 0.4 * length
        if "seconds" not in settings:
            assert abs(mean - expected) < 0.1 * length


def test_spans_of_a_share_of_the_window_are_normal_and_lie_anywhere_inside():
    samples = 5000
    spans = _spans(_noise(800, samples, ratio=0.2)[:, 6])
    length = spans[:, 1] - spans[:, 0]
    assert kstest(length / samples, "norm", args=(0.2, 0.04)).pvalue > 1e-3
    assert kstest(spans[:, 0] / (samples - length), "uniform").pvalue > 1e-3


def test_spans_in_seconds_lie_about_a_uniform_middle_and_are_cut_off_at_the_ends():
    spans = _spans(_noise(1500, 1000, seconds=3.0)[:, 6])
    whole = (spans[:, 0] > 0) & (spans[:, 1] < 1000)
    assert 0.62 < whole.mean() < 0.78  # middle at least half a length from both ends: 7 of 10 seconds
    length = (spans[:, 1] - spans[:, 0])[whole]
    assert abs(length.mean() - 300) < 10 and abs(length.std() - 60) < 6
    cut_off = (spans[:, 0] == 0).mean(), (spans[:, 1] == 1000).mean()
    assert max(abs(share - 0.15) for share in cut_off) < 4.5 * (0.15 * 0.85 / 1500) ** 0.5


def test_the_number_of_spans_is_drawn_from_none_to_the_most():
    # At most 3 spans in ten seconds and 2 in five; spans so short that they hardly meet.
    density = {"spans_per_second": 0.3, "seconds": 0.02, "gain": "equal"}
    noise = _noise(3000, 1000, lengths=np.tile([1000, 500], 1500), **density)[:, 6]
    number = (np.diff((noise != 0).astype(int), axis=1, prepend=0) == 1).sum(1)
    for start, most in ((0, 3), (1, 2)):
        shares = np.bincount(number[start::2], minlength=most + 1) / 1500
        assert len(shares) == most + 1 and np.abs(shares - 1 / (most + 1)).max() < 0.07


def test_several_spans_have_steps_of_their_own():
    noise = _noise(200, 400, ratio=0.05, spans=3)[:, 6]
    levels = [len(set(row.tolist()) - {0.0}) for row in noise]
    assert set(levels) <= {1, 2, 3} and np.mean(levels) > 2.5


def test_a_whole_window_is_shifted_from_end_to_end_of_what_is_valid():
    noise = _noise(N, 20, whole=True)
    assert (noise == noise[..., :1]).all()
    assert kstest(noise[:, 1, 0], "uniform", args=(-0.5, 1)).pvalue > 1e-3
    padded = _noise(4, 20, lengths=[20, 7, 1, 0], whole=True)
    assert ((padded[:, [0, 1, 6, 11]] != 0).sum(2) == np.array([[20], [7], [1], [0]])).all()


def test_the_form_of_mehari_and_strodthoff_runs_and_keeps_the_relations():
    noise = _noise(200, 1000, **MEHARI)
    assert np.isfinite(noise).all() and 0.1 < (noise == 0).all((1, 2)).mean() < 0.4
    assert np.abs(noise[:, 2] - (noise[:, 1] - noise[:, 0])).max() < 1e-5


def test_the_wave_against_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    first, length = (torch.randint(-5, 30, (40, 4), generator=generator) for _ in range(2))
    step = torch.randn(40, 4, generator=generator)
    stop = first + length  # some are empty, some begin before the window or end after it
    wave = shift_wave(first, stop, step, 40)
    for b in range(40):
        expected = torch.zeros(40)
        for s in range(4):
            for t in range(max(int(first[b, s]), 0), min(int(stop[b, s]), 40)):
                expected[t] = step[b, s]
        assert torch.equal(wave[b], expected)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"ratio": 1.2}, "ratio of baseline shift must lie in 0 to 1 or be none, got 1.2"),
        ({"seconds": -1}, "seconds of baseline shift must be a number from 0 on or none, got -1"),
        ({"ratio": 0.2, "seconds": 3}, r"ratio and seconds of baseline shift must not be given both, got \(0.2, 3\)"),
        ({"spans": 0}, "spans of baseline shift must be 1, 2, 3, …, got 0"),
        ({"spans_per_second": float("nan")}, "spans_per_second of baseline shift must be a number from 0 on, got nan"),
        ({"whole": True, "ratio": 0.2}, "whole of baseline shift must be false with spans, got True"),
        ({"gain_per": "beat"}, "gain_per of a noise must be lead or window, got 'beat'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BaselineShiftSettings(**settings)
