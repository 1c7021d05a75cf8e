import pytest
import torch
from scipy.stats import chisquare

from fairseq_signals.transforms.lead_time_mask import LeadTimeMask, LeadTimeMaskSettings, circular_stretches
from fairseq_signals.transforms.windows import Windows

N = 2_000


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _masked(windows=6, leads=12, samples=50, lengths=None, seed=0, ratio=0.5):
    """Where a signal of ones has become zero, `[B, L, T]`, and the result."""
    present = torch.ones(windows, leads, dtype=torch.bool)
    whole = Windows(torch.ones(windows, leads, samples), present, lengths)
    whole = whole.with_signal(whole.signal)
    out = LeadTimeMask(LeadTimeMaskSettings(ratio))(whole, 500.0, _generator(seed))
    return (out.signal == 0) & (whole.signal == 1), out


def _starts(gone):
    """First sample of the one stretch on each circle, from where a lost sample follows a kept one."""
    first = gone & ~gone.roll(1, dims=2)
    assert (first.sum(2) == 1).all(), "one contiguous stretch on a circle"
    return first.long().argmax(2)


@pytest.mark.parametrize("ratio", [0.5, 0.1, 0.33, 0.98])
@pytest.mark.parametrize("samples", [50, 51, 500])
def test_every_lead_loses_one_stretch_of_the_asked_share(ratio, samples):
    gone, _ = _masked(20, samples=samples, ratio=ratio)
    assert (gone.sum(2) == round(ratio * samples)).all()
    assert (gone & ~gone.roll(1, dims=2)).sum(2).eq(1).all(), "contiguous on a circle"


def test_starts_are_uniform_and_independent_of_leads_and_windows():
    starts = _starts(_masked(N, samples=50)[0])
    for lead in starts.T:
        assert chisquare(lead.bincount(minlength=50)).pvalue > 1e-4
    neighbours = (starts[:, :-1] * 50 + starts[:, 1:]).flatten().bincount(minlength=2500)
    assert chisquare(neighbours).pvalue > 1e-4, "leads must not share draws"
    neighbours = (starts[:-1] * 50 + starts[1:]).flatten().bincount(minlength=2500)
    assert chisquare(neighbours).pvalue > 1e-4, "windows must not share draws"


def test_a_padded_window_loses_its_share_of_what_is_valid():
    lengths = torch.tensor([60, 41, 8, 3, 1, 0]).repeat(200)
    gone, out = _masked(len(lengths), samples=60, lengths=lengths)
    assert torch.equal(out.lengths, lengths)
    for window, length in enumerate(lengths.tolist()):
        assert not out.signal[window, :, length:].any(), "padding stays zero"
        lost = gone[window, :, :length]
        assert (lost.sum(1) == round(0.5 * length)).all()
        if round(0.5 * length):
            _starts(lost[None])
    starts = torch.cat([_starts(gone[window : window + 1, :, :8]) for window in range(2, 1200, 6)])
    assert chisquare(starts.flatten().bincount(minlength=8)).pvalue > 1e-4


def test_stretches_against_a_plain_loop():
    lengths = torch.randint(1, 21, (200,), generator=_generator(1))
    start = (torch.rand(200, 3, generator=_generator(2)) * (lengths + 1).unsqueeze(1)).long()  # the length, too
    count = (torch.rand(200, generator=_generator(3)) * (lengths + 1)).long()
    found = circular_stretches(start, count, lengths, 20)
    for window, length in enumerate(lengths.tolist()):
        for lead in range(3):
            lost = {int(start[window, lead] + step) % length for step in range(int(count[window]))}
            assert set(found[window, lead, :length].nonzero().flatten().tolist()) == lost


def test_what_stays_is_untouched_and_absent_leads_are_absent():
    present = torch.rand(30, 12, generator=_generator(1)) < 0.7
    signal = torch.randn(30, 12, 40, generator=_generator(2)) * present.unsqueeze(2)
    windows, before = Windows(signal, present), signal.clone()
    out = LeadTimeMask(LeadTimeMaskSettings())(windows, 500.0, _generator())
    assert torch.equal(windows.signal, before), "the input must stay"
    assert torch.equal(out.signal[out.signal != 0], before[out.signal != 0])
    assert ((out.signal != 0).sum(2) == 20 * present).all() and torch.equal(out.present, present)


def test_nothing_is_lost_where_nothing_is_asked_for():
    gone, _ = _masked(ratio=0.0)
    assert not gone.any()


def test_the_generator_decides_everything():
    first = _masked()[0]
    torch.manual_seed(9)
    assert torch.equal(first, _masked()[0]) and not torch.equal(first, _masked(seed=1)[0])


@pytest.mark.parametrize("ratio", [-0.1, 1.0, float("nan")])
def test_ratios_outside_0_to_below_1_are_refused(ratio):
    with pytest.raises(ValueError, match="ratio of the lead time mask must lie in 0 to below 1, got"):
        LeadTimeMaskSettings(ratio)
