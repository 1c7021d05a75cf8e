"""Convolution and batch norm of padded windows: padding is zero before the one and counts nowhere in the other.

Conventions: `valid` `[B, T]` says which samples are no padding; None where none is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.modules.float32 import StaysFloat32


class SteadyBatchNorm(StaysFloat32, nn.BatchNorm1d):
    """Batch norm whose weights and running statistics stay in float32 when the network becomes half precision.

    In bfloat16 a running mean no longer moves once a step of its average is below 0.4 % of its value.
    """


def hide_padding(signal: Tensor, valid: Tensor | None) -> Tensor:
    """The signal `[B, C, T]` with zeros where `valid` `[B, T]` is false; zero is also what convolutions pad with."""
    return signal if valid is None else signal.masked_fill(~valid.unsqueeze(1), 0)


def strided(valid: Tensor | None, stride: int) -> Tensor | None:
    """Which outputs of a centred window with this stride are valid: those whose centre is a valid sample."""
    return None if valid is None else valid[:, ::stride]


def normalise(norm: nn.BatchNorm1d, signal: Tensor, valid: Tensor | None) -> Tensor:
    """Batch norm of `[B, C, T]`; in training its statistics come from the valid samples only.

    Where fewer than two are valid, which have no deviation, those of the batches before are taken.
    """
    if valid is None or not norm.training:
        return norm(signal)
    samples = signal.transpose(1, 2)  # [B, T, C]
    counted = samples[valid]  # [N, C]: batch norm over the N valid samples of the batch
    output = torch.zeros_like(samples)
    output[valid] = norm(counted) if len(counted) > 1 else by_running_statistics(norm, counted)
    return output.transpose(1, 2)


def by_running_statistics(norm: nn.modules.batchnorm._BatchNorm, values: Tensor) -> Tensor:
    """Batch norm `[N, C]` as in evaluation, also of a norm that is in training; its statistics stay as they are."""
    return F.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


class Convolution(nn.Module):
    """Convolution without bias, batch norm and, unless `active` is false, ReLU: `[B, C, T]` to `[B, C', T']`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, active: bool = True):
        super().__init__()
        self.stride, self.active = stride, active
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.conv.weight)
        self.norm = SteadyBatchNorm(outputs)

    def forward(self, signal: Tensor, valid: Tensor | None = None) -> Tensor:
        """`valid` `[B, T]` says which samples of the input are not padding."""
        output = self.conv(hide_padding(signal, valid))
        output = normalise(self.norm, output, strided(valid, self.stride))
        return output.relu() if self.active else output
