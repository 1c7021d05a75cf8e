import pytest
import torch

from fairseq_signals.modules.gradient import scale_gradient


@pytest.mark.parametrize("factor", [0.0, 0.1, 1.0, 3.0])
def test_values_stay_and_gradients_are_scaled(factor):
    tensor = torch.randn(3, 4, requires_grad=True)
    weight = torch.randn(3, 4)
    scaled = scale_gradient(tensor, factor)
    assert torch.equal(scaled, tensor)
    (scaled * weight).sum().backward()
    torch.testing.assert_close(tensor.grad, factor * weight)
