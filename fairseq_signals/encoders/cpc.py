"""The encoder of contrastive predictive coding for ECGs: fully connected layers on each sample, then an LSTM.

Source: Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676), section 2.2.2, and its public code: four fully
connected layers of 512 with batch norm and ReLU on the leads of one sample, at 100 Hz without any reduction of the
rate; an LSTM of two layers of 512 in one direction; mean, maximum and last output side by side as the embedding. The
public code's other front, strided convolutions, is `kernels=[10, 4, 4, 4]` and `strides=[2, 2, 2, 2]`.

Parameters with 12 leads, without any head: 4,999,168, of which the LSTM has 4,202,496. The paper gives 5.8 M when
fine-tuned: with batch norm, the hidden layer of 512, batch norm and a linear layer to the 71 classes of PTB-XL, as in
the public code, it is 5,826,631.

A frame's context depends on no later sample, neither through the layers nor through the LSTM. The one exception is
batch norm in training, whose mean and variance are of all valid frames of the batch, later ones included.

Differs: padding is excluded everywhere, from batch norm's statistics in training too; the publication cuts windows of
one length. Strided convolutions are padded on the side of the past alone, where the public code pads both sides and
so lets a frame see samples of the next one. Batch norm's statistics in training are those of all processes together.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.encoders import register_encoder
from fairseq_signals.encoders.encoder import Encoder
from fairseq_signals.encoders.settings import positive_integers
from fairseq_signals.modules.padded_convolution import hide_padding
from fairseq_signals.modules.pooling import last_pool, max_pool, mean_pool, valid_frames
from fairseq_signals.modules.rank_batch_norm import RankBatchNorm


@dataclass
class CPCSettings:
    """Settings of `CPCEncoder`; the defaults are those of Mehari & Strodthoff 2022.

    Attributes:
        input_rate: samples per second (Hz); kernels and strides are in samples and do not change with it.
        input_leads: number of leads.
        width: outputs of every layer before the LSTM.
        kernels, strides: samples (frames of the layer before) under each layer and from one output to the next; 1 and
            1 make it a fully connected layer on each sample.
        lstm_width: units of each layer of the LSTM.
        lstm_layers: number of its layers.
    """

    input_rate: float = 100.0
    input_leads: int = 12
    width: int = 512
    kernels: list = field(default_factory=lambda: [1, 1, 1, 1])
    strides: list = field(default_factory=lambda: [1, 1, 1, 1])
    lstm_width: int = 512
    lstm_layers: int = 2

    def __post_init__(self):
        self.kernels = positive_integers("kernels", self.kernels)
        self.strides = positive_integers("strides", self.strides)
        for name in ("width", "lstm_width", "lstm_layers"):
            positive_integers(name, [getattr(self, name)])
        if len(self.kernels) != len(self.strides) or any(map(int.__lt__, self.kernels, self.strides)):
            raise ValueError(
                f"kernels must be one for each of the strides {self.strides} and none below its stride, which would "
                f"leave samples out, got {self.kernels}"
            )


class CausalLayer(nn.Module):
    """Convolution over the past, batch norm, ReLU: `[B, T, C]` to `[B, floor(T / stride), C']`.

    Output `n` covers the `kernel` inputs up to number `stride * (n + 1) - 1`; before the first input there are zeros.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int):
        super().__init__()
        self.past = kernel - stride
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride=stride, bias=False)
        self.norm = RankBatchNorm(outputs)

    def forward(self, frames: Tensor, counts: Tensor | None) -> Tensor:
        """`counts` `[B]` are the valid outputs; None where all are."""
        if self.conv.kernel_size == (1,):
            output = F.linear(frames, self.conv.weight.squeeze(2))  # the same product, without transposing twice
        else:
            output = self.conv(F.pad(frames.transpose(1, 2), (self.past, 0))).transpose(1, 2)
        valid = None if counts is None else valid_frames(counts, output.shape[1]).flatten()
        return self.norm(output.flatten(0, 1), valid).relu().view(output.shape)


@register_encoder("cpc")
class CPCEncoder(Encoder):
    """Causal layers, an LSTM, and the mean, maximum and last of its outputs.

    A padded window gives the frames and, in evaluation, the embedding of the window without its padding.
    """

    Settings = CPCSettings
    provides = frozenset({"frames", "causal"})

    def __init__(self, settings: CPCSettings):
        super().__init__(settings)
        widths = [settings.input_leads] + [settings.width] * len(settings.kernels)
        shapes = zip(widths, widths[1:], settings.kernels, settings.strides, strict=False)
        self.layers = nn.ModuleList(CausalLayer(*shape) for shape in shapes)
        self.lstm = nn.LSTM(settings.width, settings.lstm_width, settings.lstm_layers, batch_first=True)
        self.local_dim, self.dim = settings.width, settings.lstm_width
        self.embedding_dim = 3 * self.dim

    @property
    def stride(self) -> int:
        """Samples from one frame to the next."""
        return math.prod(self.settings.strides)

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames `[B]` whose last `stride` samples are valid, `floor(n / stride)`."""
        return lengths.div(self.stride, rounding_mode="floor")

    def local(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames `[B, F, D_local]` of the last layer; zero behind the valid ones.

        Raises:
            ValueError: a window is shorter than a frame.
        """
        if signal.shape[2] < self.stride:
            raise ValueError(f"windows must hold at least {self.stride} samples, one frame, got {signal.shape[2]}")
        valid, counts = None if lengths is None else valid_frames(lengths, signal.shape[2]), lengths
        frames = hide_padding(signal, valid).transpose(1, 2)  # [B, T, L]
        for layer, stride in zip(self.layers, self.settings.strides, strict=True):
            counts = None if counts is None else counts.div(stride, rounding_mode="floor")
            frames = layer(frames, counts)
        return _zero_behind(frames, counts)

    def context(self, tokens: Tensor, kept: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        """Outputs of the LSTM `[B, F, D]`; zero behind the valid ones."""
        if kept is not None:
            raise ValueError("kept must be None: an LSTM counts its steps and cannot drop tokens")
        return _zero_behind(self.lstm(tokens)[0], frames)

    def pool(self, context: Tensor, frames: Tensor | None = None) -> Tensor:
        """Mean, maximum and last of the valid frames side by side: `[B, 3 * D]`."""
        return torch.cat([pool(context, frames) for pool in (mean_pool, max_pool, last_pool)], dim=1)

    def parts(self) -> dict[str, list[nn.Module]]:
        """The layers before the LSTM; the LSTM; nothing."""
        return {"stem": [self.layers], "body": [self.lstm], "head": []}


def _zero_behind(frames: Tensor, counts: Tensor | None) -> Tensor:
    if counts is None:
        return frames
    return frames.masked_fill(~valid_frames(counts, frames.shape[1]).unsqueeze(2), 0)
