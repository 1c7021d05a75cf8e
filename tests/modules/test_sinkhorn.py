"""Sinkhorn's codes against plain loops, and by what their sums must be."""

import math

import pytest
import torch
import torch.nn.functional as F

from fairseq_signals.modules.sinkhorn import sinkhorn


def cosines(rows, prototypes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    one, other = (F.normalize(torch.randn(n, 5, generator=generator), dim=1) for n in (rows, prototypes))
    return one @ other.T


def loop(scores, epsilon, iterations):
    """The published iteration, number by number in double precision: columns to 1/K, rows to 1/N, rows to 1."""
    number, prototypes = scores.shape
    table = [[math.exp(float(score) / epsilon) for score in row] for row in scores]
    for _ in range(iterations):
        for k in range(prototypes):
            total = sum(row[k] for row in table)
            for row in table:
                row[k] /= total * prototypes
        for row in table:
            total = sum(row)
            row[:] = [value / (total * number) for value in row]
    return torch.tensor([[value * number for value in row] for row in table])


@pytest.mark.parametrize(("epsilon", "iterations"), [(0.05, 3), (0.5, 1), (0.1, 10)])
def test_equals_the_plain_loop(epsilon, iterations):
    scores = cosines(9, 4)
    torch.testing.assert_close(sinkhorn(scores, epsilon, iterations), loop(scores, epsilon, iterations))


def test_rows_sum_to_one_and_with_many_iterations_all_prototypes_are_used_equally():
    codes = sinkhorn(cosines(12, 5), 0.1, 500)
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(12))
    torch.testing.assert_close(codes.sum(dim=0), torch.full((5,), 12 / 5))
    few = sinkhorn(cosines(12, 5), 0.1, 1)
    torch.testing.assert_close(few.sum(dim=1), torch.ones(12))
    assert float((few.sum(dim=0) - 2.4).abs().max()) > 0.05


def test_rows_that_are_all_alike_spread_over_all_prototypes():
    codes = sinkhorn(cosines(1, 5).repeat(6, 1))
    torch.testing.assert_close(codes, torch.full((6, 5), 0.2))


def test_small_epsilon_stays_finite_in_half_precision_scores():
    codes = sinkhorn(torch.tensor([[1.0, -1.0], [0.9, -1.0], [-1.0, 1.0]]).half(), epsilon=1e-3)
    assert codes.dtype == torch.float32 and codes.isfinite().all()
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(3))


def test_padding_has_no_share():
    scores, counted = cosines(7, 3), torch.tensor([True, False, True, True, False, True, True])
    codes = sinkhorn(scores, counted=counted)
    torch.testing.assert_close(codes[counted], sinkhorn(scores[counted]))
    assert not codes[~counted].any()
    scores[~counted] = torch.nan
    torch.testing.assert_close(sinkhorn(scores, counted=counted), codes)
    assert not sinkhorn(scores, counted=torch.zeros(7, dtype=torch.bool)).any()


def test_no_gradient_flows_and_the_scores_stay_as_they_are():
    scores = cosines(4, 3).requires_grad_()
    before = scores.detach().clone()
    assert not sinkhorn(scores).requires_grad and torch.equal(scores, before)


@pytest.mark.parametrize(("epsilon", "iterations"), [(0.0, 3), (-1.0, 3), (math.nan, 3), (0.05, 0)])
def test_settings_that_are_not_positive_are_refused(epsilon, iterations):
    with pytest.raises(ValueError, match="epsilon and iterations of Sinkhorn must be positive, got"):
        sinkhorn(cosines(2, 2), epsilon, iterations)


SHARES = [(5, 4), (9, 0)]


def _codes(rank):
    found = []
    for shares in SHARES:
        own = cosines(9, 4)[: shares[0]] if rank == 0 else cosines(9, 4)[shares[0] :]
        found.append(sinkhorn(own))
    padded = cosines(9, 4)[:6] if rank == 0 else cosines(9, 4)[6:].fill_(torch.nan)
    found.append(sinkhorn(padded, counted=torch.full((len(padded),), rank == 0)))
    return found


def test_two_ranks_give_the_codes_of_one_process(on_two_ranks):
    first, second = on_two_ranks(_codes)
    for place in range(len(SHARES)):
        torch.testing.assert_close(torch.cat([first[place], second[place]]), sinkhorn(cosines(9, 4)))
    torch.testing.assert_close(first[-1], sinkhorn(cosines(9, 4)[:6]))
    assert not second[-1].any()
