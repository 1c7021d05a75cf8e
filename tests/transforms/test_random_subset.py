from itertools import combinations

import pytest
import torch
from scipy.stats import binom, chisquare

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.transforms import TRANSFORMS
from fairseq_signals.transforms.pipeline import Pipeline, keyed_generator, resolve_transforms
from fairseq_signals.transforms.random_subset import RandomSubset, RandomSubsetSettings, mixed
from fairseq_signals.transforms.windows import Windows

N = 3000


def _windows(batch=N, samples=20, lengths=None, leads=STANDARD_LEADS[:3]):
    present = torch.ones(batch, len(leads), dtype=torch.bool)
    windows = Windows(torch.ones(batch, len(leads), samples), present, lengths, leads=leads)
    return windows.with_signal(windows.signal)


class _Times:
    """Multiplies by a prime, so that the product tells which of them were applied."""

    def __init__(self, prime):
        self.prime = prime

    def __call__(self, windows, rate, generator):
        return windows.with_signal(windows.signal * self.prime)


class _Notes:
    """Writes its digit behind those that stand there."""

    def __init__(self, digit):
        self.digit = digit

    def __call__(self, windows, rate, generator):
        return windows.with_signal(10 * windows.signal + self.digit)


def _applied(members, seed=0, batch=N, **settings):
    subset = RandomSubset(RandomSubsetSettings(members=["gaussian_noise"] * len(members), **settings))
    subset.members = members
    return subset(_windows(batch), 100.0, torch.Generator().manual_seed(seed)).signal[:, 0, 0].long()


def test_each_window_has_a_choice_of_its_own_with_the_probability():
    product = _applied([_Times(2), _Times(3), _Times(5)], probability=0.3)
    chosen = torch.stack([product % prime == 0 for prime in (2, 3, 5)], dim=1)
    assert chisquare(chosen.sum(1).bincount(minlength=4), N * binom(3, 0.3).pmf(range(4))).pvalue > 1e-3
    neighbours = 2 * chosen[1:, 0].long() + chosen[:-1, 0].long()
    expected = [0.49, 0.21, 0.21, 0.09]
    assert chisquare(neighbours.bincount(minlength=4), [(N - 1) * share for share in expected]).pvalue > 1e-3


def test_a_drawn_number_is_even_and_all_choices_of_it_alike():
    product = _applied([_Times(2), _Times(3), _Times(5), _Times(7)], number=[1, 2])
    pairs = [a * b for a, b in combinations((2, 3, 5, 7), 2)]
    counts = [int((product == value).sum()) for value in (2, 3, 5, 7, *pairs)]
    assert sum(counts) == N
    assert chisquare(counts, [N / 2 / 4] * 4 + [N / 2 / 6] * 6).pvalue > 1e-3


def test_the_order_is_the_lists_or_one_of_all_by_batch():
    notes = [_Notes(1), _Notes(2), _Notes(3)]
    assert set(_applied(notes, number=[3, 3]).tolist()) == {1123}
    seen = [set(_applied(notes, seed, 5, number=[3, 3], order="random").tolist()) for seed in range(60)]
    assert all(len(orders) == 1 for orders in seen)
    assert set.union(*seen) == {1123, 1132, 1213, 1231, 1312, 1321}


def test_windows_that_are_not_chosen_stay_to_the_bit_and_lengths_follow_the_choice():
    windows = _windows(400, 50)
    resize = [{"_name": "resize", "factor": [0.5, 0.5]}]
    out = TRANSFORMS.build({"_name": "random_subset", "members": resize})(windows, 100.0, keyed_generator("cpu", 1))
    short = out.lengths == 25
    assert 150 < int(short.sum()) < 250 and (out.lengths[~short] == 50).all()
    assert torch.equal(out.signal[~short], windows.signal[~short]) and not out.signal[short, :, 25:].any()
    masked = TRANSFORMS.build({"_name": "random_subset", "members": ["random_lead_masking"]})
    out = masked(windows, 100.0, keyed_generator("cpu", 1))
    assert torch.equal(out.present, out.signal.any(2)) and out.lengths is None


def test_mixing_takes_signal_leads_and_lengths_from_the_same_side():
    one, two = _windows(2, 8), _windows(2, 8, torch.tensor([5, 6]))
    out = mixed(two, one, torch.tensor([True, False]))
    assert out.lengths.tolist() == [5, 8] and out.signal.sum((1, 2)).tolist() == [15, 24]


def test_members_are_resolved_in_full_so_that_a_checkpoint_knows_them():
    (spec,) = resolve_transforms([{"_name": "random_subset", "members": ["resize", {"_name": "time_out"}]}])
    assert spec["members"] == resolve_transforms("resize, time_out") and set(spec) == {
        "_name",
        "members",
        "probability",
        "number",
        "order",
    }
    assert resolve_transforms([spec]) == [spec]
    five = ["gaussian_noise", "gaussian_blur", "random_erasing", "resize", "baseline_shift"]
    assert [member["_name"] for member in TRANSFORMS.resolve("random_subset")["members"]] == five


def test_the_two_views_of_a_window_are_changed_apart():
    views = Pipeline("augment", "random_subset", 100.0)(
        _windows(50, 200, leads=STANDARD_LEADS), keyed_generator("cpu", 3)
    )
    same = (views.signal[:50] == views.signal[50:]).flatten(1).all(1)
    assert int(same.sum()) < 10


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"members": []}, r"members of random_subset must be a list of transforms, got \[\]"),
        ({"members": "resize"}, "members of random_subset must be a list of transforms, got 'resize'"),
        ({"members": ["resiz"]}, r"transform must be one of .*, got 'resiz' \(did you mean 'resize'\?\)"),
        ({"probability": 1.2}, "probability of random_subset must lie in 0 to 1, got 1.2"),
        (
            {"number": [1, 6]},
            r"number of random_subset must be none or \[smallest, largest\], 0 to 5, .*, got \[1, 6\]",
        ),
        ({"number": [2, 1]}, r"number of random_subset must be .*, got \[2, 1\]"),
        ({"number": 2}, "number of random_subset must be .*, got 2"),
        ({"order": "any"}, "order of random_subset must be fixed or random, got 'any'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RandomSubsetSettings(**settings)
