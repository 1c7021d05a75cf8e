"""Random lead masking against a plain loop, and its statistics against those that the paper states."""

import pytest
import torch
from scipy.stats import binom, chisquare

from fairseq_signals.transforms.pipeline import Pipeline, keyed_generator
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


@pytest.mark.parametrize(("leads", "rate"), [(12, 0.500), (6, 0.497), (3, 0.458), (2, 0.375), (1, 0.0)])
def test_with_fewer_leads_keeping_one_masks_less_by_as_much_as_the_docstring_says(leads, rate):
    # All of n vanish with p^n, and one of them, each as often, is given back.
    expected = 0.5 - 0.5**leads / leads
    assert expected == pytest.approx(rate, abs=5e-4)
    present = torch.ones(N, leads, dtype=torch.bool)
    gone, literal = (~_masked(present, keep_one=keep_one).present for keep_one in (True, False))
    assert ((gone.double().mean(0) - expected).abs() <= 4.5 * (expected * (1 - expected) / N) ** 0.5).all()
    assert ((literal.double().mean(0) - 0.5).abs() < 4.5 * 0.5 / N**0.5).all()
    if leads == 2:
        assert float(torch.corrcoef(gone.double().T)[0, 1]) == pytest.approx(-0.6, abs=0.01)


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


# What the paper says of a training: every lead of every segment with p 0.5, drawn anew at every iteration.
UPDATES, WINDOWS = 800, 128  # times two halves: 204,800 segments, 50 for each of the 4,096 sets of leads


def _trained(seed, **settings):
    """Which leads vanish, boolean `[updates, halves, windows, 12]`, with the keys of a training's updates."""
    pipeline = Pipeline("adjacent", [{"_name": "random_lead_masking", **settings}], 500.0)
    windows = Windows(torch.ones(WINDOWS, 12, 2), torch.ones(WINDOWS, 12, dtype=torch.bool))
    generators = (keyed_generator(torch.device("cpu"), seed, "train", update, 0, 0) for update in range(UPDATES))
    drawn = torch.stack([pipeline(windows, generator).present for generator in generators])
    return ~drawn.view(UPDATES, 2, WINDOWS, 12)


def _sets(gone):
    """How often each of the 4,096 sets of leads vanishes."""
    return (gone.flatten(0, -2).long() @ (2 ** torch.arange(12))).bincount(minlength=4096).numpy()


def _assert_independent(some, others):
    """No lead of the one says anything of any lead of the other; both boolean `[..., 12]`."""
    some, others = (2.0 * gone.flatten(0, -2) - 1 for gone in (some, others))
    assert float((some.T @ others / len(some)).abs().max()) < 4.5 / len(some) ** 0.5


def test_every_set_of_leads_vanishes_equally_often_in_the_literal_form():
    # All twelve leads jointly: right shares, and independent in pairs, triples and so on.
    gone = _trained(seed=1, keep_one=False)
    counts = _sets(gone)
    assert chisquare(counts).pvalue > 1e-3
    assert abs(counts[4095] - 50) < 4.5 * 50**0.5  # all twelve once in 4,096 segments
    number = gone.sum(-1).flatten().bincount(minlength=13).numpy()
    assert chisquare(number, binom.pmf(range(13), 12, 0.5) * number.sum()).pvalue > 1e-3


def test_all_twelve_never_vanish_by_default_and_nothing_else_changes():
    literal, kept = _trained(seed=1, keep_one=False), _trained(seed=1)
    assert not kept.all(dim=-1).any() and literal.all(dim=-1).sum() > 20
    other = (literal != kept).any(dim=-1)
    assert torch.equal(other, literal.all(dim=-1))
    assert ((~kept[other]).sum(dim=-1) == 1).all()
    assert (~kept[other]).any(dim=0).all()  # whichever lead it is


def test_halves_windows_and_updates_are_masked_independently():
    gone = _trained(seed=2)
    assert float((gone.double().mean(dim=(0, 1, 2)) - 0.5).abs().max()) < 4.5 * 0.5 / (UPDATES * 2 * WINDOWS) ** 0.5
    _assert_independent(gone[:, 0], gone[:, 1])
    _assert_independent(gone[:, :, :-1], gone[:, :, 1:])
    for distance in (1, 2, 100):
        _assert_independent(gone[:-distance], gone[distance:])
    _assert_independent(gone, _trained(seed=3))


class Stop(Exception):
    """Ends a step once it is known what the criterion was given."""


def test_a_training_draws_anew_for_every_segment_micro_batch_rank_and_update(
    fairseq_parts, ecg_data, arguments, monkeypatch
):
    method = ["--criterion", "w2v_cmsc", "--views", "adjacent", "--transforms", "random_lead_masking"]
    drawn = []

    def criterion(model, sample):
        assert not sample["net_input"]["signal"][~sample["net_input"]["present"]].any()
        drawn.append(~sample["net_input"]["present"].view(2, -1, 12))
        raise Stop

    for rank in (0, 1):
        monkeypatch.setattr("fairseq_signals.tasks.ecg_task.rank", lambda rank=rank: rank)
        _, task, model, _ = fairseq_parts(ecg_data, *arguments["pretraining"], *method)
        task.load_dataset("pretrain", combine=True)
        batch = task.datasets["pretrain"].collater(task.datasets["pretrain"].__getitems__(list(range(8))))
        assert batch["present"].all()
        for step in range(400):  # an update has two micro-batches
            with pytest.raises(Stop):
                task.train_step(batch, model, criterion, None, step // 2)
    gone = torch.stack(drawn).view(2, 200, 2, 2, 8, 12)  # ranks, updates, micro-batches, halves, windows, leads
    segments = gone.numel() / 12
    assert float((gone.double().flatten(0, -2).mean(0) - 0.5).abs().max()) < 4.5 * 0.5 / segments**0.5
    assert not gone.all(dim=-1).any()
    for axis in range(5):
        one, two = gone.narrow(axis, 0, gone.shape[axis] - 1), gone.narrow(axis, 1, gone.shape[axis] - 1)
        _assert_independent(one, two)
