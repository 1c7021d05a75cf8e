"""The wav2vec 2.0 encoder for ECGs: strided convolutions over all leads, then a transformer.

Source: Oh et al. 2022 (https://arxiv.org/abs/2203.06889), section 5.2: four blocks of convolution (256 channels,
kernel 2, stride 2), layer norm and GELU, then a transformer of BERT-base size; from Baevski et al. 2020
(https://arxiv.org/abs/2006.11477) the convolutional position embedding and the dropouts.

Differs: the public code normalises by groups after the first block only; the paper's layer norm after every block is
the default, the other form is `conv_norm="group"`. The paper does not say whether the convolutions have a bias; with
layer norm they need one: without it a frame is normalised to the same values whatever its amplitude, so that voltage
is lost, and a stretch of zeros stays zero through all blocks, where each layer norm multiplies its gradient by 300. At
rates other than 500 Hz the strides are chosen so that a frame still lasts about 32 ms.
"""

import math
from dataclasses import dataclass
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.encoders import register_encoder
from fairseq_signals.encoders.encoder import Encoder
from fairseq_signals.modules.gradient import scale_gradient
from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.modules.transformer import TransformerLayer, attention_mask, initialise_bert

FRAME_SECONDS = 0.032  # 16 samples at 500 Hz, as in the paper

TINY = {
    "conv_channels": 64,
    "layers": 3,
    "dim": 96,
    "heads": 4,
    "hidden": 384,
    "position_kernel": 32,
    "position_groups": 8,
}
SMALL = {"layers": 6, "dim": 384, "heads": 6, "hidden": 1536}


@dataclass
class Wav2Vec2Settings:
    """Settings of `Wav2Vec2Encoder`; the defaults are the paper's (base) size.

    Attributes:
        input_rate: samples per second (Hz).
        input_leads: number of leads.
        convs: blocks as [channels, kernel, stride]; None chooses strides for frames of about 32 ms.
        conv_channels: channels of every block where `convs` is None.
        conv_norm: "layer" after every block (paper) or "group" after the first only (public code).
        conv_bias: whether the convolutions have a bias; None means yes with "layer", no with "group" (public code).
        feature_gradient: factor on the gradient that reaches the convolutions; 0 freezes them.
        layers, dim, heads, hidden: size of the transformer.
        norm_first: layer norm before each half-layer instead of after it.
        dropout, attention_dropout, activation_dropout: inside the transformer.
        input_dropout: on the projected tokens.
        position_kernel, position_groups: the convolutional position embedding.
    """

    input_rate: float = 500.0
    input_leads: int = 12
    convs: Optional[list] = None
    conv_channels: int = 256
    conv_norm: str = "layer"
    conv_bias: Optional[bool] = None
    feature_gradient: float = 0.1
    layers: int = 12
    dim: int = 768
    heads: int = 12
    hidden: int = 3072
    norm_first: bool = False
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation_dropout: float = 0.0
    input_dropout: float = 0.1
    position_kernel: int = 128
    position_groups: int = 16

    def __post_init__(self):
        if self.convs is None:
            self.convs = default_convs(self.input_rate, self.conv_channels)
        self.convs = check_convs(self.convs)
        if self.conv_bias is None:
            self.conv_bias = self.conv_norm == "layer"
        if self.conv_norm not in ("layer", "group"):
            raise ValueError(f"conv_norm must be 'layer' or 'group', got {self.conv_norm!r}")
        if not self.feature_gradient >= 0:
            raise ValueError(f"feature_gradient must be 0 or more, got {self.feature_gradient}")


def default_convs(rate: float, channels: int) -> list[list[int]]:
    """Blocks [channels, kernel, stride] with kernel = stride whose product is nearest to 32 ms at `rate` Hz.

    Strides are 2, 3 or 5, so the product is the nearest number that has no larger prime factor: four blocks of
    stride 2 at 500 Hz (the paper's), one of stride 3 at 100 Hz.
    """
    wanted = FRAME_SECONDS * rate
    smooth = [2**a * 3**b * 5**c for a in range(12) for b in range(8) for c in range(6)]
    stride = min((n for n in smooth if n > 1), key=lambda n: (abs(math.log(n / wanted)), n))
    strides = []
    for prime in (5, 3, 2):
        while stride % prime == 0:
            strides.append(prime)
            stride //= prime
    return [[channels, step, step] for step in strides]


def check_convs(convs: list) -> list[list[int]]:
    """The blocks as lists of three positive integers.

    Raises:
        ValueError: a block is not [channels, kernel, stride]; nothing given as text is ever evaluated.
    """
    if not isinstance(convs, (list, tuple)):
        raise ValueError(f"convs must be a list of blocks [channels, kernel, stride], got {convs!r}")
    for block in convs:
        numbers = block if isinstance(block, (list, tuple)) else []
        if len(numbers) != 3 or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise ValueError(f"convs must be lists [channels, kernel, stride] of positive integers, got {block!r}")
    if not convs:
        raise ValueError("convs must hold at least one block [channels, kernel, stride], got none")
    return [list(block) for block in convs]


class ConvBlock(nn.Module):
    """Convolution, norm, GELU on frames that keep their channels last: `[B, T, C]` to `[B, T', C']`."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int, norm: str | None, bias: bool):
        super().__init__()
        self.kernel, self.stride, self.norm_kind = kernel, stride, norm
        self.weight = nn.Parameter(torch.empty(channels, inputs, kernel))
        nn.init.kaiming_normal_(self.weight)
        bound = 1 / math.sqrt(inputs * kernel)  # PyTorch's own for convolutions
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound)) if bias else None
        self.norm = nn.Identity() if norm is None else nn.LayerNorm(channels)

    def forward(self, frames: Tensor, counts: Tensor | None) -> Tensor:
        """`counts` are the valid frames `[B]` of the output, for the norm that looks along time."""
        if self.kernel == self.stride:
            # Windows that do not overlap are a plain matrix product, without a transpose in between.
            count = frames.shape[1] // self.stride
            patches = frames[:, : count * self.stride].reshape(len(frames), count, self.stride * frames.shape[2])
            output = patches @ self.weight.permute(2, 1, 0).reshape(patches.shape[2], -1)
        else:
            output = F.conv1d(frames.transpose(1, 2), self.weight, stride=self.stride).transpose(1, 2)
        if self.bias is not None:
            output = output + self.bias
        if self.norm_kind == "group":
            output = self.norm.weight * normalise_over_time(output, counts) + self.norm.bias
        else:
            output = self.norm(output)
        return F.gelu(output)


def normalise_over_time(frames: Tensor, counts: Tensor | None, epsilon: float = 1e-5) -> Tensor:
    """Each channel of each window with mean 0 and variance 1 over its valid frames, `[B, T, C]`; zero behind them."""
    if counts is None:
        weight = torch.full_like(frames[:1, :, :1], 1.0 / frames.shape[1], dtype=torch.float32)
    else:
        valid = valid_frames(counts, frames.shape[1]).unsqueeze(2)
        weight = valid / counts.clamp(min=1)[:, None, None]  # [B, T, 1]
    values = frames.float()
    mean = (values * weight).sum(dim=1, keepdim=True)
    variance = ((values - mean).square() * weight).sum(dim=1, keepdim=True)
    # Behind the valid frames of a flat window the quotient would leave the range of half precision.
    return ((values - mean) * torch.rsqrt(variance + epsilon) * (weight > 0)).to(frames.dtype)


class ConvPosition(nn.Module):
    """Position embedding by a wide grouped convolution over the tokens (Baevski et al. 2020)."""

    def __init__(self, dim: int, kernel: int, groups: int):
        super().__init__()
        self.trim = 1 - kernel % 2  # an even kernel yields one frame too many
        conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=groups)
        nn.init.normal_(conv.weight, std=math.sqrt(4.0 / (kernel * dim)))
        nn.init.zeros_(conv.bias)
        self.conv = nn.utils.parametrizations.weight_norm(conv, dim=2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embeddings `[B, F, D]` of the positions of tokens `[B, F, D]`."""
        output = self.conv(tokens.transpose(1, 2))
        return F.gelu(output[..., : output.shape[2] - self.trim]).transpose(1, 2)


@register_encoder("wav2vec2", wav2vec2_base={}, wav2vec2_small=SMALL, wav2vec2_tiny=TINY)
class Wav2Vec2Encoder(Encoder):
    """Convolutional frames of about 32 ms and their transformer context.

    Every frame depends on its own samples only (kernels equal their strides by default), so a padded window
    gives the same valid frames as the window without its padding.
    """

    Settings = Wav2Vec2Settings
    provides = frozenset({"frames", "masking"})

    def __init__(self, settings: Wav2Vec2Settings):
        super().__init__(settings)
        channels = settings.input_leads
        self.convs = nn.ModuleList()
        for number, (width, kernel, stride) in enumerate(settings.convs):
            norm = settings.conv_norm if settings.conv_norm == "layer" or number == 0 else None
            self.convs.append(ConvBlock(channels, width, kernel, stride, norm, settings.conv_bias))
            channels = width
        if settings.feature_gradient == 0:
            self.convs.requires_grad_(False)  # nor must weight decay move what no gradient reaches
        self.local_dim, self.dim = channels, settings.dim
        self.embedding_dim = settings.dim
        self.local_norm = nn.LayerNorm(channels)
        self.project = nn.Linear(channels, settings.dim)
        self.input_dropout = nn.Dropout(settings.input_dropout)
        self.position = ConvPosition(settings.dim, settings.position_kernel, settings.position_groups)
        self.position_norm = nn.LayerNorm(settings.dim)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(
                settings.dim,
                settings.heads,
                settings.hidden,
                settings.dropout,
                settings.attention_dropout,
                settings.activation_dropout,
                settings.norm_first,
            )
            for _ in range(settings.layers)
        )
        initialise_bert(self.layers)

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames `[B]` whose samples are all valid: `(n - kernel) // stride + 1` through every block."""
        return self._counts(lengths)[-1]

    def _counts(self, lengths: Tensor) -> list[Tensor]:
        counts = []
        for _, kernel, stride in self.settings.convs:
            lengths = ((lengths - kernel).div(stride, rounding_mode="floor") + 1).clamp(min=0)
            counts.append(lengths)
        return counts

    def local(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolutional frames `[B, F, C]`, not yet normalised: the feature penalty acts on them."""
        counts = [None] * len(self.convs) if lengths is None else self._counts(lengths)
        factor = self.settings.feature_gradient
        with torch.set_grad_enabled(torch.is_grad_enabled() and factor > 0):
            frames = signal.transpose(1, 2)  # [B, T, L]
            for block, valid in zip(self.convs, counts, strict=True):
                frames = block(frames, valid)
        return scale_gradient(frames, factor) if factor > 0 else frames

    def tokens(self, local: Tensor) -> Tensor:
        """Normalised and projected frames `[B, F, D]`; positions are added by `context`."""
        return self.input_dropout(self.project(self.local_norm(local)))

    def context(self, tokens: Tensor, kept: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        """Transformer outputs `[B, F, D]`; see `Encoder.context`."""
        if kept is not None:
            raise ValueError("kept must be None: wav2vec2 computes positions from neighbours and cannot drop tokens")
        valid = None if frames is None else valid_frames(frames, tokens.shape[1])
        if valid is not None:
            # What padding holds must not reach the positions, not even as 0 * inf.
            tokens = tokens.masked_fill(~valid.unsqueeze(2), 0)
        context = tokens + self.position(tokens)
        if not self.settings.norm_first:
            context = self.position_norm(context)
        context = self.dropout(context)
        attend = attention_mask(valid)
        for layer in self.layers:
            context = layer(context, attend)
        return self.position_norm(context) if self.settings.norm_first else context

    def parts(self) -> dict[str, list[nn.Module]]:
        """Convolutions; projection, positions and the lower half of the layers; the upper half."""
        half = len(self.layers) // 2
        stem = [self.convs, self.local_norm]
        body = [self.project, self.position, self.position_norm, *self.layers[:half]]
        return {"stem": stem, "body": body, "head": list(self.layers[half:])}
