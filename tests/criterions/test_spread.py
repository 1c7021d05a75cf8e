import pytest
import torch

from fairseq_signals.criterions.spread import spread


def test_it_is_the_deviation_of_the_directions():
    embedding = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) + 1
    counted = torch.arange(40) % 4 > 0
    total, number = spread(embedding, counted)
    unit = [row / row.norm() for row in embedding[counted]]
    deviations = torch.stack(unit).std(dim=0, correction=0)
    assert float(number) == 30
    assert float(total / number) == pytest.approx(float(deviations.mean()) * 6**0.5, rel=1e-5)


def test_one_direction_has_none_and_all_directions_have_one():
    everything = torch.ones(2000, dtype=torch.bool)
    collapsed = torch.arange(1, 2001).unsqueeze(1) * torch.tensor([[1.0, 2.0, 3.0]])
    assert float(spread(collapsed, everything)[0]) == pytest.approx(0, abs=0.01)
    isotropic = torch.randn(2000, 16, generator=torch.Generator().manual_seed(0))
    total, number = spread(isotropic, everything)
    assert float(total / number) == pytest.approx(1, abs=0.01)
    line = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0)) * torch.eye(16)[:1]
    assert float(spread(line, everything)[0] / 2000) == pytest.approx(0.25, abs=0.01)  # one of sixteen dimensions


def test_nothing_to_count_is_no_number_of_the_log():
    total, number = spread(torch.randn(3, 4), torch.zeros(3, dtype=torch.bool))
    assert (float(total), float(number)) == (0, 0)
