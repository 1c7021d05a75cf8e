"""The local objective against a plain loop over equations 1 and 2, and the diversity term against its formula."""

import math

import pytest
import torch

from fairseq_signals.criterions.w2v import diversity, masked_contrast
from fairseq_signals.modules.negatives import draw_negatives


def cosine(a, b) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def loop(context, targets, codes, chosen, negatives, temperature):
    """Sum of the losses, number of frames and successes, window by window and frame by frame."""
    total, number, first = 0.0, 0, 0
    for b in range(len(context)):
        masked = [f for f in range(context.shape[1]) if chosen[b, f]]
        if len(masked) < 2:
            continue
        for f in masked:
            rivals = [k for k in masked if k != f] if negatives is None else negatives[b, f].tolist()
            rivals = [k for k in rivals if not torch.equal(codes[b, k], codes[b, f])]
            own = cosine(context[b, f], targets[b, f])
            others = [cosine(context[b, f], targets[b, k]) for k in rivals]
            total -= math.log(
                math.exp(own / temperature) / sum(math.exp(score / temperature) for score in [own, *others])
            )
            number += 1
            first += bool(others) and own > max(others)
    return total, number, first


def frames(seed=0, codes=3):
    """Windows with many masked frames, with two, with one, with none; few codes, so that many are equal."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(6, 12, generator=generator) < 0.6
    chosen[2] = False
    chosen[3] = torch.arange(12) == 5
    chosen[4] = torch.arange(12) < 2
    chosen[:, 10:] = False  # padding
    codes = torch.randint(codes, (6, 12, 2), generator=generator)
    values = torch.randn(2, 6, 12, 4, generator=generator)
    # Equal codes are equal targets.
    targets = torch.einsum("bfgd,gd->bfd", codes[..., None] + 0.1, values[1, 0, :2]) + 0.3
    negatives = draw_negatives(chosen, 7, generator)
    return values[0], targets, codes, chosen, negatives


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("all_others", [False, True])
@pytest.mark.parametrize("codes", [2, 50])
def test_equals_the_formula_frame_by_frame(seed, all_others, codes):
    context, targets, codes, chosen, negatives = frames(seed, codes)
    negatives = None if all_others else negatives
    total, number, first = masked_contrast(context, targets, codes, chosen, negatives, 0.1)
    expected = loop(context, targets, codes, chosen, negatives, 0.1)
    assert float(total) == pytest.approx(expected[0], rel=1e-4, abs=1e-5)
    assert (float(number), float(first)) == expected[1:]
    assert expected[1] > 12


def test_frames_that_are_not_chosen_change_nothing():
    context, targets, codes, chosen, negatives = frames()
    before = [masked_contrast(context, targets, codes, chosen, n, 0.1) for n in (negatives, None)]
    other, moved = context.masked_fill(~chosen[..., None], 7.0), targets.masked_fill(~chosen[..., None], -7.0)
    after = [masked_contrast(other, moved, codes, chosen, n, 0.1) for n in (negatives, None)]
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("all_others", [False, True])
def test_gradients_are_finite_and_zero_outside_what_counts(all_others):
    context, targets, codes, chosen, negatives = frames()
    codes[1] = 0  # a window whose frames all carry the same codes has nobody to tell apart
    context[0, 0] = 0.0
    context.requires_grad_(), targets.requires_grad_()
    total, _, _ = masked_contrast(context, targets, codes, chosen, None if all_others else negatives, 0.1)
    total.backward()
    for gradient in (context.grad, targets.grad):
        assert gradient.isfinite().all()
        assert not gradient[~chosen].any() and not gradient[[2, 3]].any()
    assert context.grad[0].any() and targets.grad[0].any()


def test_success_among_nobody_is_none():
    context, targets, codes, chosen, _ = frames()
    total, number, first = masked_contrast(context, targets, torch.zeros_like(codes), chosen, None, 0.1)
    assert (float(total), float(first)) == (0.0, 0.0) and float(number) > 0


def test_diversity_is_one_minus_the_perplexity_per_code():
    probability = torch.rand(2, 5).softmax(dim=1)
    entropies = [-sum(float(p) * math.log(float(p)) for p in group) for group in probability]
    expected = 1 - sum(math.exp(entropy) for entropy in entropies) / 10
    assert float(diversity(8 * probability, torch.tensor(8.0))) == pytest.approx(expected, abs=1e-5)


def test_diversity_at_its_extremes():
    assert float(diversity(torch.full((2, 5), 0.2), torch.tensor(1.0))) == pytest.approx(0.0, abs=1e-5)
    one = torch.zeros(2, 5)
    one[:, 3] = 1.0
    assert float(diversity(one, torch.tensor(1.0))) == pytest.approx(0.8, abs=1e-5)
    nothing = torch.zeros(2, 5, requires_grad=True)
    diversity(nothing, torch.tensor(0.0)).backward()
    assert nothing.grad.isfinite().all()
