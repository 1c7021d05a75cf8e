"""Batch norm over ranks against PyTorch's on the rows that count."""

import pytest
import torch
from torch import nn

from fairseq_signals.modules.rank_batch_norm import RankBatchNorm

COUNTED = torch.tensor([True, True, False, True, False, True, True, True])


def rows():
    return 3 + 2 * torch.randn(8, 5, generator=torch.Generator().manual_seed(0))


def norm(kind=RankBatchNorm):
    made = kind(5)
    with torch.no_grad():
        made.weight.copy_(torch.linspace(0.5, 1.5, 5))
        made.bias.copy_(torch.linspace(-1, 1, 5))
    return made


def loss(outputs):
    return (outputs * torch.linspace(-1, 2, 5)).sin().sum()


def step(layer, inputs, *counted):
    """Outputs, gradients and running statistics of one training step on the counted rows."""
    inputs = inputs.clone().requires_grad_()
    outputs = layer(inputs, *counted)
    loss(outputs[counted[0]] if counted else outputs).backward()
    statistics = (layer.running_mean, layer.running_var, layer.num_batches_tracked)
    return outputs.detach(), inputs.grad, layer.weight.grad, layer.bias.grad, *statistics


def test_padding_counts_nowhere():
    expected = step(norm(nn.BatchNorm1d), rows()[COUNTED])
    spoiled = rows()
    spoiled[~COUNTED] = 1e6
    outputs, gradient, *others = step(norm(), spoiled, COUNTED)
    torch.testing.assert_close(outputs[COUNTED], expected[0])
    torch.testing.assert_close(gradient[COUNTED], expected[1])
    for found, wanted in zip(others, expected[2:], strict=True):
        torch.testing.assert_close(found, wanted)


def test_without_padding_and_in_evaluation_it_is_pytorchs():
    for found, wanted in zip(step(norm(), rows()), step(norm(nn.BatchNorm1d), rows()), strict=True):
        torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(norm().eval()(rows(), COUNTED), norm(nn.BatchNorm1d).eval()(rows()))


@pytest.mark.parametrize("counted", [torch.zeros(8, dtype=torch.bool), torch.arange(8) == 3])
def test_no_row_or_a_single_one_leaves_finite_numbers_and_the_running_statistics(counted):
    outputs, gradient, *_, mean, variance, _ = step(norm(), rows(), counted)
    assert outputs.isfinite().all() and gradient.isfinite().all()
    assert torch.equal(mean, torch.zeros(5)) and torch.equal(variance, torch.ones(5))


def test_statistics_stay_in_float32_and_outputs_take_the_rows_precision():
    layer = norm().half()
    outputs = layer(rows().half(), COUNTED)
    assert outputs.dtype == torch.float16 and layer.running_mean.dtype == layer.weight.dtype == torch.float32


def _share(rank):
    own = slice(0, 5) if rank == 0 else slice(5, 8)
    return step(norm(), rows()[own], COUNTED[own])


def test_two_ranks_equal_one_process(on_two_ranks):
    first, second = on_two_ranks(_share)
    expected = step(norm(), rows(), COUNTED)
    for place in range(2):
        torch.testing.assert_close(torch.cat([first[place], second[place]])[COUNTED], expected[place][COUNTED])
    for place in (2, 3):  # of the layer's parameters, which fairseq adds over the ranks
        torch.testing.assert_close(first[place] + second[place], expected[place])
    for place in (4, 5, 6):
        torch.testing.assert_close(first[place], expected[place])
        torch.testing.assert_close(second[place], expected[place])
