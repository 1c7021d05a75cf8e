import copy

import pytest
import torch
import torch.nn.functional as F

from fairseq_signals.modules.padded_convolution import Convolution


def test_batch_norm_counts_valid_samples_only():
    torch.manual_seed(0)
    layer, signal = Convolution(2, 3, 5), torch.randn(3, 2, 10)
    counts = [10, 4, 1]
    valid = torch.arange(10) < torch.tensor(counts)[:, None]
    output = layer(signal, valid)
    pieces = [F.conv1d(signal[b : b + 1, :, :n], layer.conv.weight, padding=2)[0].T for b, n in enumerate(counts)]
    samples = torch.cat(pieces)  # [15, 3]
    mean, variance = samples.mean(dim=0), samples.var(dim=0, correction=0)
    expected = ((samples - mean) / (variance + 1e-5).sqrt()).clamp(min=0)
    torch.testing.assert_close(output.transpose(1, 2)[valid], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * mean)
    torch.testing.assert_close(layer.norm.running_var, 0.9 + 0.1 * samples.var(dim=0))


@pytest.mark.parametrize("counts", [[1, 0], [0, 0]])
def test_a_batch_without_two_valid_samples_is_normalised_by_those_before_it(counts):
    torch.manual_seed(0)
    layer, signal = Convolution(2, 3, 5), torch.randn(2, 2, 10)
    layer(torch.randn(4, 2, 10))
    before = copy.deepcopy(layer).eval()
    valid = torch.arange(10) < torch.tensor(counts)[:, None]
    output = layer(signal, valid)
    torch.testing.assert_close(output.transpose(1, 2)[valid], before(signal, valid).transpose(1, 2)[valid])
    torch.testing.assert_close(layer.norm.running_mean, before.norm.running_mean)
    output.sum().backward()
    assert layer.norm.weight.grad.isfinite().all() and layer.conv.weight.grad.isfinite().all()
