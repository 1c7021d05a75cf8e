"""The xresnet1d encoders: one-dimensional residual networks over all leads, with the tricks of the xresnet.

Source: Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676), section 2.2.1, and its public code for the sizes
(stem 32-32-64, kernel 5, stages of 3-4-6-3 blocks that all keep width 64, average and maximum pooled side by side);
He et al. 2018 (https://arxiv.org/abs/1812.01187), section 4, for the tricks: a stem of three convolutions, the stride
in the block's middle convolution, the mean of neighbours before the 1x1 convolution of a shortcut (ResNet-D), and a
last batch norm that starts at zero, so that a block starts as its shortcut. Initialisation: He et al. 2015, normal.

The published use is at 100 Hz with windows of 2.5 s. Kernels and strides are counted in samples and do not follow the
rate: a frame steps by 32 samples, which is 320 ms at 100 Hz and 64 ms at 500 Hz.

Parameters with 12 leads, without any head: xresnet1d18 347,264; xresnet1d34 676,992; xresnet1d50 886,400;
xresnet1d101 1,804,672. The paper gives 930 k for the xresnet1d50 without saying what is counted: with a linear layer
to the 71 classes of PTB-XL it is 922,823, with batch norm before that layer, as in the public code, 923,847.

Differs: padding is excluded everywhere, from batch norm's statistics in training too; the publications cut windows of
one length. The public code gives the first convolution a bias for 12 leads, which the batch norm after it cancels.
On several devices each process normalises by its own windows, so that losses depend on how a batch is spread.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.encoders import register_encoder
from fairseq_signals.encoders.encoder import Encoder
from fairseq_signals.encoders.settings import positive_integers
from fairseq_signals.modules.padded_convolution import Convolution, hide_padding, strided
from fairseq_signals.modules.pooling import max_pool, mean_pool, valid_frames

BASIC, BOTTLENECK = 1, 4  # expansion: how much wider a block's output is than its middle


@dataclass
class XResNet1dSettings:
    """Settings of `XResNet1dEncoder`; the defaults are the xresnet1d50 of Mehari & Strodthoff 2022.

    Attributes:
        input_rate: samples per second (Hz); kernels and strides are in samples and do not change with it.
        input_leads: number of leads.
        blocks: number of residual blocks of each stage; every stage but the first halves the number of frames.
        width: channels inside the blocks, the same in all stages.
        expansion: 4 for bottleneck blocks (1x1, kernel, 1x1; output `4 * width`), 1 for basic blocks (two kernels).
        stem: channels of the three convolutions before the blocks.
        kernel: samples under a convolution, odd.
        pool: "concat" sets the mean and the maximum over the frames side by side (paper), "mean" is the mean alone.
    """

    input_rate: float = 100.0
    input_leads: int = 12
    blocks: list = field(default_factory=lambda: [3, 4, 6, 3])
    width: int = 64
    expansion: int = BOTTLENECK
    stem: list = field(default_factory=lambda: [32, 32, 64])
    kernel: int = 5
    pool: str = "concat"

    def __post_init__(self):
        self.blocks, self.stem = positive_integers("blocks", self.blocks), positive_integers("stem", self.stem)
        (self.width,) = positive_integers("width", [self.width])
        if self.expansion not in (BASIC, BOTTLENECK):
            raise ValueError(f"expansion must be 1 (basic blocks) or 4 (bottleneck blocks), got {self.expansion!r}")
        if positive_integers("kernel", [self.kernel])[0] % 2 == 0:
            raise ValueError(f"kernel must be odd, so that frames stay centred on their samples, got {self.kernel}")
        if self.pool not in ("concat", "mean"):
            raise ValueError(f"pool must be 'concat' or 'mean', got {self.pool!r}")


def mean_of_neighbours(signal: Tensor, valid: Tensor | None) -> Tensor:
    """Means of two neighbours, `[B, C, T]` to `[B, C, ceil(T / 2)]`; a last sample without neighbour stays."""
    means = F.avg_pool1d(hide_padding(signal, valid), 2, ceil_mode=True)
    if valid is None:
        return means
    share = F.avg_pool1d(valid.unsqueeze(1).to(signal.dtype), 2, ceil_mode=True)
    return means / share.clamp(min=0.5)


class Block(nn.Module):
    """Convolutions beside a shortcut, their sum through ReLU: `[B, C, T]` to `[B, width * expansion, T']`."""

    def __init__(self, inputs: int, width: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        outputs = width * expansion
        if expansion == BASIC:
            layers = [Convolution(inputs, width, kernel, stride), Convolution(width, outputs, kernel, active=False)]
        else:
            layers = [
                Convolution(inputs, width, 1),
                Convolution(width, width, kernel, stride),
                Convolution(width, outputs, 1, active=False),
            ]
        nn.init.zeros_(layers[-1].norm.weight)
        self.stride = stride
        self.layers = nn.ModuleList(layers)
        self.shortcut = None if inputs == outputs else Convolution(inputs, outputs, 1, active=False)

    def forward(self, signal: Tensor, valid: Tensor | None = None) -> Tensor:
        """`valid` `[B, T]` says which samples of the input are not padding."""
        after, output, inside = strided(valid, self.stride), signal, valid
        for layer in self.layers:
            output = layer(output, inside)
            inside = strided(inside, layer.stride)
        kept = signal if self.stride == 1 else mean_of_neighbours(signal, valid)
        if self.shortcut is not None:
            kept = self.shortcut(kept, after)
        return (output + kept).relu()


@register_encoder(
    "xresnet1d",
    xresnet1d18={"blocks": [2, 2, 2, 2], "expansion": BASIC},
    xresnet1d34={"blocks": [3, 4, 6, 3], "expansion": BASIC},
    xresnet1d50={"blocks": [3, 4, 6, 3], "expansion": BOTTLENECK},
    xresnet1d101={"blocks": [3, 4, 23, 3], "expansion": BOTTLENECK},
)
class XResNet1dEncoder(Encoder):
    """Stem, residual stages, and the mean and maximum of their frames.

    A padded window gives the frames and, in evaluation, the embedding of the window without its padding: padding is
    zero before every convolution, as behind the end of a window, and has no part in means, maxima and statistics.
    """

    Settings = XResNet1dSettings
    provides = frozenset({"frames"})

    def __init__(self, settings: XResNet1dSettings):
        super().__init__(settings)
        widths = [settings.input_leads, *settings.stem]
        self.stem = nn.ModuleList(
            Convolution(widths[n], widths[n + 1], settings.kernel, stride=2 if n == 0 else 1)
            for n in range(len(settings.stem))
        )
        self.stages, channels = nn.ModuleList(), widths[-1]
        for number, count in enumerate(settings.blocks):
            self.stages.append(nn.ModuleList())
            for place in range(count):
                stride = 2 if number > 0 and place == 0 else 1
                self.stages[-1].append(Block(channels, settings.width, settings.expansion, settings.kernel, stride))
                channels = settings.width * settings.expansion
        self.local_dim = self.dim = channels
        self.embedding_dim = channels * (2 if settings.pool == "concat" else 1)

    @property
    def stride(self) -> int:
        """Samples from one frame to the next: the stem and its maximum halve twice, every later stage once."""
        return 2 ** (len(self.stages) + 1)

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames `[B]` centred on a valid sample, `ceil(n / stride)`; zeros stand in for what lies behind the end."""
        return (lengths + self.stride - 1).div(self.stride, rounding_mode="floor")

    def local(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames `[B, F, D]` of the last stage; zero behind the valid ones."""
        valid = None if lengths is None else valid_frames(lengths, signal.shape[2])
        for layer in self.stem:
            signal = layer(signal, valid)
            valid = strided(valid, layer.stride)
        # After ReLU a hidden sample never is the maximum, nor does one behind the end.
        signal = F.max_pool1d(hide_padding(signal, valid), 3, stride=2, padding=1)
        valid = strided(valid, 2)
        for stage in self.stages:
            for block in stage:
                signal = block(signal, valid)
                valid = strided(valid, block.stride)
        return hide_padding(signal, valid).transpose(1, 2)

    def pool(self, context: Tensor, frames: Tensor | None = None) -> Tensor:
        """The mean over the valid frames and, with `pool="concat"`, behind it their maximum: `[B, E]`."""
        mean = mean_pool(context, frames)
        return mean if self.settings.pool == "mean" else torch.cat([mean, max_pool(context, frames)], dim=1)

    def parts(self) -> dict[str, list[nn.Module]]:
        """The three convolutions; the lower half of the stages; the upper half."""
        half = len(self.stages) // 2
        return {"stem": [self.stem], "body": list(self.stages[:half]), "head": list(self.stages[half:])}
