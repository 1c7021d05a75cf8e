"""A copy that works as in evaluation: what reaches a row, and how its statistics follow."""

import pytest
import torch
from torch import nn

from fairseq_signals.modules.steady_copy import SteadyCopy


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))


def rows(number=8, seed=0):
    return torch.randn(number, 4, generator=torch.Generator().manual_seed(seed))


def test_a_row_gives_the_same_in_any_company_also_in_a_model_that_trains():
    copy = nn.ModuleDict({"copy": SteadyCopy(network())}).train()["copy"]
    values, others = rows(), rows(seed=1) * 5 + 2
    alone = torch.cat([copy(row.unsqueeze(0)) for row in values])
    torch.testing.assert_close(copy(values), alone)
    torch.testing.assert_close(copy(torch.cat([others, values]))[8:], alone)
    assert not any(module.training for module in copy.modules())
    assert torch.equal(copy.module[1].running_mean, torch.zeros(6))  # nor do its own rows move its statistics


def test_statistics_follow_by_the_momentum_and_faster_at_first():
    online = network()
    copy, norm = SteadyCopy(online), online[1]
    norm.running_mean.fill_(1.0)
    norm.num_batches_tracked += 7
    expected = 0.0
    for update in range(40):
        copy.advance_buffers(online, 0.9, update)
        kept = min(0.9, (1 + update) / (10 + update))
        expected = kept * expected + 1 - kept
        assert copy.module[1].running_mean[0] == pytest.approx(expected, rel=1e-5)
    assert int(copy.module[1].num_batches_tracked) == 7
    assert 1 - expected < 1e-4 < 0.9**40  # of the zeros with which it began far less is left than by the momentum alone


def test_weights_are_a_momentum_copys():
    online = network()
    copy = SteadyCopy(online)
    before = copy.module[0].weight.clone()
    with torch.no_grad():
        online[0].weight += 1
    copy.advance(online, 0.75)
    torch.testing.assert_close(copy.module[0].weight, before + 0.25)
    assert not any(parameter.requires_grad for parameter in copy.parameters())
