import pytest
import torch
from scipy.stats import binom, chisquare, kstest

from fairseq_signals.transforms.random_erasing import RandomErasing, RandomErasingSettings
from fairseq_signals.transforms.time_out import TimeOut, TimeOutSettings
from fairseq_signals.transforms.windows import Windows

N = 2000


def _ones(batch=N, leads=4, samples=200, lengths=None, present=None):
    present = torch.ones(batch, leads, dtype=torch.bool) if present is None else present
    windows = Windows(torch.ones(batch, leads, samples), present, lengths)
    return windows.with_signal(windows.signal)


def _apply(windows, seed=0, **settings):
    return RandomErasing(RandomErasingSettings(**settings))(windows, 100.0, torch.Generator().manual_seed(seed))


def _gone(windows, **settings):
    """Which samples were silenced, `[B, L, T]`."""
    return (_apply(windows, **settings).signal == 0) & (windows.signal == 1)


def test_one_rectangle_of_one_stretch_in_some_leads():
    gone = _gone(_ones())
    time, leads = gone.any(1), gone.any(2)
    assert torch.equal(gone, time.unsqueeze(1) & leads.unsqueeze(2)), "the same stretch in every erased lead"
    edges = time.long().diff(dim=1, prepend=torch.zeros(N, 1), append=torch.zeros(N, 1))
    assert ((edges == 1).sum(1) == 1).all(), "in one piece"
    share = time.double().mean(1)
    assert kstest((share + 0).numpy(), "uniform", args=(0.1, 0.3)).statistic < 0.05


def test_leads_are_erased_with_their_probability_and_one_at_least():
    number = _gone(_ones(), lead_probability=0.3).any(2).sum(1)
    expected = binom(4, 0.3).pmf(range(5))
    expected[1] += expected[0]
    assert chisquare(number.bincount(minlength=5)[1:], N * expected[1:]).pvalue > 1e-3
    assert (_gone(_ones(), lead_probability=0.0).any(2).sum(1) == 1).all()


def test_all_leads_together_is_a_time_out_of_the_same_law():
    gone = _gone(_ones(), together=True, share=[0.2, 0.4])
    other = TimeOut(TimeOutSettings())(_ones(), 100.0, torch.Generator().manual_seed(9)).signal == 0
    assert torch.equal(gone, gone[:, :1].expand_as(gone))
    assert kstest(gone[:, 0].sum(1).numpy(), other[:, 0].sum(1).numpy()).pvalue > 1e-3


def test_noise_stands_where_it_erases_and_nowhere_else():
    windows = _ones(200)
    gone, out = _gone(windows), _apply(windows, sigma=0.1)
    assert torch.equal(out.signal[~gone], windows.signal[~gone])
    noise = out.signal[gone].double()
    assert kstest(noise.numpy(), "norm", args=(0, 0.1)).pvalue > 1e-3


def test_absent_leads_and_padding_are_never_counted_as_erased():
    present = torch.rand(N, 4, generator=torch.Generator().manual_seed(1)) < 0.5
    lengths = torch.tensor([200, 50, 10, 0]).repeat(N // 4)
    windows = _ones(lengths=lengths, present=present)
    gone, noisy = _gone(windows, share=[0.4, 0.4]), _apply(windows, sigma=1.0)
    alive = present.any(1) & (lengths > 0)
    assert torch.equal(gone.any(2).any(1), alive), "a lead that is there is erased"
    assert torch.equal(gone.any(1).sum(1)[alive], (0.4 * lengths[alive]).long())
    assert torch.equal(noisy.with_signal(noisy.signal).signal, noisy.signal) and torch.equal(noisy.present, present)


def test_windows_are_changed_with_the_probability():
    share = float(_gone(_ones(), probability=0.3).flatten(1).any(1).float().mean())
    assert abs(share - 0.3) < 4.5 * (0.21 / N) ** 0.5


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"share": [0.1, 1.0]}, r"share of random_erasing must be \[smallest, largest\], 0 to below 1, got"),
        ({"lead_probability": 1.5}, "lead_probability of random_erasing must lie in 0 to 1, got 1.5"),
        ({"probability": "x"}, "probability of random_erasing must lie in 0 to 1, got 'x'"),
        ({"together": 1}, "together of random_erasing must be true or false, got 1"),
        ({"sigma": -1}, "sigma of random_erasing must be a number of mV from 0 on, got -1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RandomErasingSettings(**settings)
