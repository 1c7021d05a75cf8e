"""The global objective against plain loops over equations 3 and 4, and against pytorch-metric-learning."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss

from fairseq_signals.criterions.cmsc import segment_contrast


def cosine(a, b) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def loop(embedding, group, view, valid, temperature, blocks, recording=None):
    """Sum and number of pairs, term by term as the paper (all) or the public code (two) writes them."""
    total, pairs, number = 0.0, 0, len(embedding)
    for i in range(number):
        for j in range(number):
            if i == j or group[i] != group[j] or not (valid[i] and valid[j]):
                continue
            if blocks == "two" and view[i] == view[j]:
                continue
            others = [k for k in range(number) if valid[k] and (k != i if blocks == "all" else view[k] != view[i])]
            if recording is not None:  # another window of the same recording is no negative
                others = [k for k in others if group[k] == group[i] or recording[k] != recording[i]]
            scores = {k: math.exp(cosine(embedding[i], embedding[k]) / temperature) for k in others}
            term = -math.log(scores[j] / sum(scores.values()))
            total += term if blocks == "all" else 0.5 * term
            pairs += 1 if blocks == "all" else 0.5
    return total, pairs


def segments(seed=0, windows=6, patients=4):
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(2 * windows, 5, generator=generator, dtype=torch.float64)
    window = torch.arange(windows).repeat(2)
    patient = torch.randint(patients, (windows,), generator=generator).repeat(2)
    view = torch.arange(2).repeat_interleave(windows)
    return embedding, window, patient, view, torch.ones(2 * windows, dtype=torch.bool)


@pytest.mark.parametrize("blocks", ["all", "two"])
@pytest.mark.parametrize("groups", ["window", "patient"])
def test_equals_the_formula_term_by_term(blocks, groups):
    embedding, window, patient, view, valid = segments()
    group = window if groups == "window" else patient
    total, pairs = segment_contrast(embedding, group, view, valid, 0.1, blocks)
    expected, number = loop(embedding, group, view, valid, 0.1, blocks)
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert float(pairs) == number


@pytest.mark.parametrize("blocks", ["all", "two"])
def test_segments_that_are_all_padding_are_neither_anchor_nor_candidate(blocks):
    embedding, window, _, view, valid = segments(seed=1)
    valid[[2, 7]] = False
    total, pairs = segment_contrast(embedding, window, view, valid, 0.2, blocks)
    expected, number = loop(embedding, window, view, valid, 0.2, blocks)
    assert (float(total), float(pairs)) == (pytest.approx(expected, rel=1e-5), number)
    embedding[[2, 7]] = 100 * torch.randn(2, 5, dtype=torch.float64)
    assert float(segment_contrast(embedding, window, view, valid, 0.2, blocks)[0]) == pytest.approx(float(total))


@pytest.mark.parametrize("blocks", ["all", "two"])
def test_other_windows_of_a_recording_are_no_negatives(blocks):
    embedding, window, _, view, valid = segments(seed=3)
    recording = window // 2
    total, pairs = segment_contrast(embedding, window, view, valid, 0.1, blocks, recording)
    expected, number = loop(embedding, window, view, valid, 0.1, blocks, recording)
    assert (float(total), float(pairs)) == (pytest.approx(expected, rel=1e-5), number)
    assert float(total) < float(segment_contrast(embedding, window, view, valid, 0.1, blocks)[0])


def test_equals_pytorch_metric_learning_where_every_anchor_has_one_positive():
    embedding, window, _, view, valid = segments(seed=2)
    total, pairs = segment_contrast(embedding, window, view, valid, 0.1, "all")
    assert float(total / pairs) == pytest.approx(float(NTXentLoss(temperature=0.1)(embedding, window)), rel=1e-5)


@pytest.mark.parametrize("blocks", ["all", "two"])
def test_equal_embeddings_lose_the_logarithm_of_the_number_of_candidates(blocks):
    _, window, _, view, valid = segments()
    total, pairs = segment_contrast(torch.ones(12, 5), window, view, valid, 0.1, blocks)
    assert float(total / pairs) == pytest.approx(math.log(11 if blocks == "all" else 6), rel=1e-6)


@pytest.mark.parametrize("blocks", ["all", "two"])
def test_gradients_are_finite_without_any_valid_pair_and_for_zero_embeddings(blocks):
    _, window, _, view, valid = segments()
    embedding = torch.zeros(12, 5, requires_grad=True)
    for valid_now in (torch.zeros_like(valid), valid):
        total, pairs = segment_contrast(embedding, window, view, valid_now, 0.1, blocks)
        (gradient,) = torch.autograd.grad(total, embedding)
        assert gradient.isfinite().all() and total.isfinite()
        assert float(pairs) == (0 if not valid_now.any() else 12 if blocks == "all" else 6)
