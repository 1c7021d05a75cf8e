import pytest
import scipy.stats
import torch

from fairseq_signals.modules.negatives import draw_candidates, draw_negatives


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_negatives_are_other_chosen_frames_of_the_same_window():
    chosen = torch.rand(20, 30, generator=_generator()) < 0.3
    chosen[:, 25:] = False  # as behind a recording's end
    negatives = draw_negatives(chosen, 50, _generator())
    assert negatives.dtype == torch.long and negatives.shape == (20, 30, 50)
    for b in range(20):
        places = set(chosen[b].nonzero().flatten().tolist())
        assert len(places) >= 2
        for f in places:
            assert set(negatives[b, f].tolist()) <= places - {f}


@pytest.mark.parametrize("places", [(0, 3, 4, 7, 11), (5, 6), tuple(range(12))])
def test_every_other_chosen_frame_is_equally_likely(places):
    chosen = torch.zeros(1, 12, dtype=torch.bool)
    chosen[0, list(places)] = True
    negatives = draw_negatives(chosen, 20_000, _generator(1))[0]
    for frame in places:
        counts = negatives[frame].bincount(minlength=12)
        others = [place for place in places if place != frame]
        assert counts.sum() == counts[others].sum() == 20_000
        # Twelve frames at most and a fixed seed: a p-value below 1e-4 is a defect, not bad luck.
        assert len(others) == 1 or scipy.stats.chisquare(counts[others].numpy()).pvalue > 1e-4


def test_draws_of_different_frames_and_of_one_frame_are_independent():
    chosen = torch.ones(1, 4, dtype=torch.bool)
    negatives = draw_negatives(chosen, 20_000, _generator(2))[0]
    for one, other in ((negatives[0], negatives[1]), (negatives[0, :-1], negatives[0, 1:])):
        rows, columns = one.unique(), other.unique()
        table = [[int(((one == r) & (other == c)).sum()) for c in columns] for r in rows]
        assert scipy.stats.chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_windows_with_few_chosen_frames_give_indices_inside_the_window(count, frames):
    chosen = torch.zeros(3, frames, dtype=torch.bool)
    chosen[1, :count] = True
    negatives = draw_negatives(chosen, 7, _generator())
    assert negatives.min() >= 0 and negatives.max() < frames
    if count == 2 and frames > 1:
        assert (negatives[1, 0] == 1).all() and (negatives[1, 1] == 0).all()


def test_candidates_are_distinct_valid_frames_and_all_of_them_where_they_are_few():
    counts = torch.tensor([12, 6, 5, 1, 0])
    drawn = draw_candidates(counts, 12, 7, 5, _generator())
    assert drawn.dtype == torch.long and drawn.shape == (5, 7, 5)
    for b, count in enumerate(counts.tolist()):
        for row in drawn[b].tolist():
            found = [frame for frame in row if frame >= 0]
            assert len(found) == len(set(found)) == min(count, 5) and set(found) <= set(range(count))
            assert row == found + [-1] * (5 - len(found))
    assert draw_candidates(counts, 12, 7, 50, _generator()).shape == (5, 7, 12)
    assert torch.equal(drawn, draw_candidates(counts, 12, 7, 5, _generator()))


def test_every_order_of_candidates_is_equally_likely_and_draws_are_independent():
    drawn = draw_candidates(torch.tensor([4]), 6, 20_000, 3, _generator(1))[0]
    orders = (drawn * torch.tensor([16, 4, 1])).sum(dim=1)
    counts = torch.stack([(orders == order).sum() for order in orders.unique()])
    assert len(counts) == 4 * 3 * 2 and scipy.stats.chisquare(counts.numpy()).pvalue > 1e-4
    one, next_one = drawn[:-1, 0], drawn[1:, 0]
    table = [[int(((one == r) & (next_one == c)).sum()) for c in range(4)] for r in range(4)]
    assert scipy.stats.chi2_contingency(table).pvalue > 1e-4
