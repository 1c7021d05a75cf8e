import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d
from scipy.stats import kstest

from fairseq_signals.transforms.time_warp import TimeWarp, TimeWarpSettings, squeezed_positions, walked_positions
from fairseq_signals.transforms.windows import Windows

FORMS = [{}, {"form": "walk"}, {"warps": 1, "factor": 3.0, "radius_seconds": 0.05}]


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _sources(batch=200, samples=250, lengths=None, seed=0, rate=100.0, leads=2, **settings):
    """Where each sample came from, `[B, L, T]`: the warp of a signal whose value is the place of the sample."""
    ramp = torch.arange(samples, dtype=torch.float32).expand(batch, leads, -1).clone()
    windows = Windows(ramp, torch.ones(batch, leads, dtype=torch.bool), lengths)
    return TimeWarp(TimeWarpSettings(**settings))(windows.with_signal(ramp), rate, _generator(seed)).signal


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_time_runs_forward_between_ends_that_stay(settings):
    sources = _sources(leads=12, **settings)
    assert torch.equal(sources, sources[:, :1].expand_as(sources)), "all leads alike"
    time = sources[:, 0].double()
    assert (time.diff(dim=1) > 0).all()
    assert not time[:, 0].any() and float((time[:, -1] - 249).abs().max()) < 1e-3
    assert ((time - torch.arange(250)).abs().amax(1) > 1).all(), "every window is warped"
    assert not torch.equal(time[1:], time[:-1])


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_padded_windows_are_warped_within_what_is_valid(settings):
    lengths = torch.tensor([250, 120, 50, 9, 2, 1, 0]).repeat(20)
    sources = _sources(140, lengths=lengths, **settings)
    for row, length in enumerate(lengths.tolist()):
        time = sources[row, 0].double()
        assert not time[length:].any()
        if length:
            assert (time[:length].diff() > 0).all() and float(time[0]) == 0
            assert float(time[length - 1]) == pytest.approx(length - 1, abs=1e-3)


def test_one_squeeze_drops_every_second_sample_and_draws_out_its_neighbours():
    # As in the public code at 100 Hz: radius 10, step 2; a centre in the middle of 101 samples.
    position = squeezed_positions(torch.tensor([[0.5]]), 10.0, 2.0, torch.tensor([101]), 101)[0].tolist()
    expected = list(range(101))
    expected[40:61] = range(30, 71, 2)  # 41 samples on 21 places
    expected[20:40] = [20 + step / 2 for step in range(20)]  # ten samples on twenty places
    expected[61:81] = [70.5 + step / 2 for step in range(20)]
    assert position == pytest.approx(expected)


def test_a_tone_is_doubled_within_a_squeeze_and_halved_beside_it():
    # A squeeze so large that its three parts are 2, 4 and 2 seconds long; the middle of eight seconds is its centre.
    rate, samples = 100.0, 1201
    tone = torch.sin(2 * torch.pi * 5 / rate * torch.arange(samples)).expand(1, 1, -1).clone()
    windows = Windows(tone, torch.ones(1, 1, dtype=torch.bool))
    warp = TimeWarp(TimeWarpSettings(warps=1, radius_seconds=2.0))
    out = warp(windows, rate, _generator()).signal[0, 0].double().numpy()

    def hertz(first, stop):
        crossings = np.count_nonzero(np.diff(np.signbit(out[first:stop])))
        return crossings / 2 / ((stop - first) / rate)

    assert hertz(0, 400) == pytest.approx(2.5, abs=0.2)
    assert hertz(400, 800) == pytest.approx(10, abs=0.3)
    assert hertz(800, 1200) == pytest.approx(2.5, abs=0.2)


def test_centres_are_uniform_over_the_places_that_leave_room():
    time = _sources(2000, 250, warps=1)[:, 0].double()
    moved = (time - torch.arange(250)).abs().cummax(dim=1).values
    begins = (moved < 0.1).sum(1).double() - 1  # how many samples stay before the warp begins
    assert kstest(begins.numpy() / (249 - 60), "uniform").pvalue > 1e-4


def test_three_squeezes_are_one_after_the_other():
    uniform, lengths = (
        torch.rand(30, 3, generator=_generator(1)),
        torch.randint(80, 251, (30,), generator=_generator(2)),
    )
    found = squeezed_positions(uniform, 10.0, 2.0, lengths, 250)
    for row, length in enumerate(lengths.tolist()):
        time = np.arange(length, dtype=float)
        for draw in uniform[row].tolist():
            centre = 30 + draw * (length - 61)
            knots = [0, centre - 30, centre - 10, centre + 10, centre + 30, length - 1]
            values = [0, centre - 30, centre - 20, centre + 20, centre + 30, length - 1]
            time = np.interp(time, knots, values)
        np.testing.assert_allclose(found[row, :length].numpy(), time, atol=1e-4)


def test_a_walk_is_the_inverse_of_the_summed_up_pace():
    normal, lengths = (
        torch.randn(20, 100, generator=_generator(1)),
        torch.randint(2, 101, (20,), generator=_generator(2)),
    )
    found = walked_positions(normal, 10.0, lengths)
    for row, length in enumerate(lengths.tolist()):
        walk = np.cumsum(normal[row, :length].double().numpy())
        passed = np.cumsum(walk - walk.min() + 10.0)
        new = (passed - passed[0]) / (passed[-1] - passed[0]) * (length - 1)
        expected = interp1d(new, np.arange(length), fill_value="extrapolate")(np.arange(length))
        np.testing.assert_allclose(found[row, :length].numpy(), expected, atol=1e-6)


def test_a_walk_warps_alike_at_any_rate():
    def strength(rate):
        time = _sources(400, round(2.5 * rate), rate=rate, form="walk", slowest=20.0)[:, 0].double() / rate
        return float((time - torch.arange(time.shape[1]) / rate).abs().amax(1).mean())

    assert strength(500.0) == pytest.approx(strength(100.0), rel=0.15)


def test_windows_are_changed_with_the_probability():
    for form in ("squeeze", "walk"):
        sources = _sources(1000, 80, probability=0.3, form=form)
        changed = (sources != torch.arange(80)).flatten(1).any(1)
        assert abs(float(changed.float().mean()) - 0.3) < 4.5 * (0.21 / 1000) ** 0.5


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"form": "dtw"}, "form of time_warp must be squeeze or walk, got 'dtw'"),
        ({"warps": 0}, "warps of time_warp must be 1, 2, 3, …, got 0"),
        ({"radius_seconds": 0}, "radius_seconds of time_warp must be a number above 0, got 0"),
        ({"factor": 0.5}, "factor of time_warp must be a number from 1 on, got 0.5"),
        ({"slowest": -1}, "slowest of time_warp must be a number above 0, got -1"),
        ({"probability": "p"}, "probability of time_warp must lie in 0 to 1, got 'p'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TimeWarpSettings(**settings)
