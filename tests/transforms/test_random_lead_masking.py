import pytest
import torch

from fairseq_signals.transforms.random_lead_masking import (
    RandomLeadMasking,
    RandomLeadMaskingSettings,
    leads_to_keep,
)
from fairseq_signals.transforms.windows import Windows

N = 40_000


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _masked(present, seed=0, samples=1, **settings):
    windows = Windows(torch.ones(*present.shape, samples) * present.unsqueeze(2), present)
    return RandomLeadMasking(RandomLeadMaskingSettings(**settings))(windows, 500.0, _generator(seed))


@pytest.mark.parametrize("probability", [0.5, 0.2])
def test_leads_vanish_independently_of_each_other_with_their_probability(probability):
    masked = _masked(torch.ones(N, 12, dtype=torch.bool), probability=probability, keep_one=False)
    gone = 1 - masked.signal[:, :, 0].double()
    assert ((gone.mean(0) - probability).abs() < 4.5 * (probability * (1 - probability) / N) ** 0.5).all()
    both = gone.T @ gone / N
    expected = probability**2
    apart = ~torch.eye(12, dtype=torch.bool)
    assert ((both[apart] - expected).abs() < 4.5 * (expected * (1 - expected) / N) ** 0.5).all()
    neighbours = torch.corrcoef(torch.stack([gone[:-1].flatten(), gone[1:].flatten()]))[0, 1]
    assert abs(float(neighbours)) < 4.5 / (12 * N) ** 0.5, "windows must not share draws"


def test_the_number_of_leads_left_is_binomial_and_never_none():
    masked = _masked(torch.ones(N, 3, dtype=torch.bool))
    left = masked.present.sum(1).bincount(minlength=4).double() / N
    # None of three (1 in 8) becomes one of three.
    for share, expected in zip(left, [0, 4 / 8, 3 / 8, 1 / 8], strict=True):
        assert abs(float(share) - expected) <= 4.5 * (expected * (1 - expected) / N) ** 0.5
    assert ((masked.present.double().mean(0) - (0.5 + 1 / 24)).abs() < 4.5 * (0.25 / N) ** 0.5).all()


@pytest.mark.parametrize("leads", [3, 8])
def test_the_literal_form_loses_all_leads_as_often_as_the_paper_s_words_say(leads):
    masked = _masked(torch.ones(N, leads, dtype=torch.bool), keep_one=False)
    share = float((masked.present.sum(1) == 0).double().mean())
    assert abs(share - 2**-leads) < 4.5 * (2**-leads / N) ** 0.5
    assert not masked.signal[masked.present.sum(1) == 0].any()


@pytest.mark.parametrize("probability, expected", [(0.0, 1.0), (1.0, 1 / 12)])
def test_the_extremes_keep_every_lead_or_one_drawn_fairly(probability, expected):
    masked = _masked(torch.ones(N, 12, dtype=torch.bool), probability=probability)
    shares = masked.present.double().mean(0)
    assert ((shares - expected).abs() <= 4.5 * (expected * (1 - expected) / N) ** 0.5).all()
    if probability == 1:
        assert (masked.present.sum(1) == 1).all()
        assert not _masked(torch.ones(5, 12, dtype=torch.bool), probability=1.0, keep_one=False).present.any()


def test_absent_leads_stay_absent_and_one_present_lead_is_kept():
    present = torch.rand(N, 5, generator=_generator(1)) < 0.4
    masked = _masked(present)
    assert not (masked.present & ~present).any()
    assert torch.equal(masked.present.any(1), present.any(1))
    assert torch.equal(masked.signal[:, :, 0] > 0, masked.present)


def test_a_lead_is_whole_or_gone_and_padding_stays_zero():
    signal = torch.randn(50, 12, 30, generator=_generator(2))
    lengths = torch.randint(0, 31, (50,), generator=_generator(3))
    signal = signal * (torch.arange(30) < lengths[:, None, None])
    before = signal.clone()
    windows = Windows(signal, torch.ones(50, 12, dtype=torch.bool), lengths)
    masked = RandomLeadMasking(RandomLeadMaskingSettings())(windows, 500.0, _generator())
    assert torch.equal(masked.signal, before * masked.present.unsqueeze(2))
    assert torch.equal(windows.signal, before) and windows.present.all(), "the input must stay"
    assert torch.equal(masked.lengths, lengths)


def test_which_leads_stay_against_a_plain_loop():
    uniform = torch.rand(300, 4, generator=_generator(4))
    present = torch.rand(300, 4, generator=_generator(5)) < 0.7
    keep = leads_to_keep(uniform, present, 0.6)
    for draws, exists, kept in zip(uniform.tolist(), present.tolist(), keep.tolist(), strict=True):
        stay = {lead for lead in range(4) if exists[lead] and draws[lead] >= 0.6}
        if not stay and any(exists):
            stay = {max((lead for lead in range(4) if exists[lead]), key=lambda lead: draws[lead])}
        assert {lead for lead in range(4) if kept[lead]} == stay


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_probabilities_outside_0_to_1_are_refused(probability):
    with pytest.raises(ValueError, match="probability of lead masking must lie in 0 to 1, got"):
        RandomLeadMaskingSettings(probability)
