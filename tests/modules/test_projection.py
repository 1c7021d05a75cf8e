import pytest
import torch
from torch import nn

from fairseq_signals.modules.projection import BatchNormProjection


def test_two_layers_with_batch_norm_and_relu_between_as_pytorch_has_them():
    torch.manual_seed(0)
    head, rows = BatchNormProjection(6, 8, 3), torch.randn(10, 6)
    twin = nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    twin.load_state_dict(dict(zip(twin.state_dict(), head.state_dict().values(), strict=True)))
    torch.testing.assert_close(head(rows), twin(rows))
    torch.testing.assert_close(head.eval()(rows), twin.eval()(rows))


def test_padding_changes_nothing():
    torch.manual_seed(0)
    head, rows = BatchNormProjection(6, 8, 3), torch.randn(10, 6)
    counted = torch.arange(10) < 7
    torch.testing.assert_close(head(rows, counted)[:7], head(rows[:7]))


@pytest.mark.parametrize("sizes", [(0, 4), (4, 0)])
def test_a_projection_to_nothing_is_refused(sizes):
    with pytest.raises(ValueError, match="a projection must have hidden units and outputs, got"):
        BatchNormProjection(6, *sizes)
