import pytest
import torch
from scipy.stats import chisquare, kstest

from fairseq_signals.transforms.time_out import TimeOut, TimeOutSettings, stretches_inside
from fairseq_signals.transforms.windows import Windows

N = 2000


def _applied(batch=N, leads=3, samples=250, lengths=None, seed=0, **settings):
    """Which samples of a signal of ones were silenced, `[B, L, T]`, and the result."""
    whole = Windows(torch.ones(batch, leads, samples), torch.ones(batch, leads, dtype=torch.bool), lengths)
    whole = whole.with_signal(whole.signal)
    out = TimeOut(TimeOutSettings(**settings))(whole, 100.0, torch.Generator().manual_seed(seed))
    return (out.signal == 0) & (whole.signal == 1), out


def test_one_stretch_is_silent_in_all_leads_and_its_share_is_uniform():
    gone, _ = _applied(samples=1000)
    assert torch.equal(gone, gone[:, :1].expand_as(gone))
    edges = gone[:, 0].long().diff(dim=1, prepend=torch.zeros(N, 1), append=torch.zeros(N, 1))
    assert ((edges == 1).sum(1) == 1).all(), "one contiguous stretch"
    share = gone[:, 0].double().mean(1)
    assert 0.2 <= share.min() and share.max() <= 0.4
    assert kstest(share.numpy(), "uniform", args=(0.2, 0.2)).pvalue > 1e-3


def test_every_place_inside_is_equally_likely():
    gone, _ = _applied(samples=10, share=[0.3, 0.3])
    starts = gone[:, 0].long().argmax(1)
    assert chisquare(starts.bincount(minlength=8)).pvalue > 1e-3
    neighbours = (starts[1:] * 8 + starts[:-1]).bincount(minlength=64)
    assert chisquare(neighbours).pvalue > 1e-3, "windows must not share draws"


def test_a_padded_window_loses_its_share_of_what_is_valid():
    lengths = torch.tensor([250, 100, 10, 1, 0]).repeat(200)
    gone, out = _applied(1000, lengths=lengths, share=[0.3, 0.3])
    assert torch.equal(out.lengths, lengths) and out.present.all()
    assert torch.equal(gone[:, 0].sum(1), torch.tensor([75, 30, 3, 0, 0]).repeat(200))


def test_stretches_against_a_plain_loop():
    generator = torch.Generator().manual_seed(1)
    share, uniform = torch.rand(2, 200, generator=generator)
    lengths = torch.randint(0, 21, (200,), generator=generator)
    found = stretches_inside(share, uniform, lengths, 20)
    for row, length in enumerate(lengths.tolist()):
        count = round(float(share[row]) * length)
        first = int(float(uniform[row]) * (length - count + 1))
        assert found[row].nonzero().flatten().tolist() == list(range(first, first + count))


def test_what_stays_is_untouched_and_absent_leads_are_absent():
    present = torch.rand(30, 12, generator=torch.Generator().manual_seed(1)) < 0.7
    signal = torch.randn(30, 12, 40, generator=torch.Generator().manual_seed(2)) * present.unsqueeze(2)
    out = TimeOut(TimeOutSettings())(Windows(signal.clone(), present), 100.0, torch.Generator().manual_seed(0))
    assert torch.equal(out.signal[out.signal != 0], signal[out.signal != 0]) and torch.equal(out.present, present)
    assert (out.signal != signal).any(dim=2)[present].all()


def test_windows_are_changed_with_the_probability():
    gone, _ = _applied(samples=20, probability=0.3)
    assert abs(float(gone.flatten(1).any(1).float().mean()) - 0.3) < 4.5 * (0.21 / N) ** 0.5
    assert not _applied(50, share=[0, 0])[0].any()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"share": [0.2, 1.0]}, r"share of time_out must be \[smallest, largest\], 0 to below 1, got \[0.2, 1.0\]"),
        ({"share": [0.4, 0.2]}, r"share of time_out must be .*, got \[0.4, 0.2\]"),
        ({"share": None}, "share of time_out must be .*, got None"),
        ({"probability": -1}, "probability of time_out must lie in 0 to 1, got -1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TimeOutSettings(**settings)
