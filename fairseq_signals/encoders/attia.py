"""The convolutional network of Attia et al.: blocks within each lead, one block across the leads, one linear layer.

Source: Nakamoto et al. 2022, section 2 and appendix B, after Attia et al. 2019
(https://doi.org/10.1038/s41591-018-0240-2): windows of 12 x 5000 (10 s at 500 Hz); six temporal blocks with filters of
1 x K, the same for every lead; one spatial block with filters of 12 x 1; a fully connected layer of 128 outputs. Sawano
et al. 2022 has the same network as its baseline.

The papers' values are those numbers. Ours, since neither paper gives them: channels (16, 16, 32, 32, 64, 64), kernels
(5, 5, 5, 3, 3, 3) and maximum pools (2, 2, 4, 2, 2, 4) of the temporal blocks, 64 channels of the spatial one, and that
every block is a convolution, batch norm, ReLU and, in temporal blocks, the pool. These values circulate for this
network and could not be verified. A frame steps by 256 samples, 512 ms at 500 Hz. Initialisation of the convolutions:
He et al. 2015, normal.

How the fully connected layer is fed is ours as well. It has weights of its own for each of the 19 frames of 10 s, as
where frames are flattened. A window with another number of valid frames is first divided into 19 equal stretches, of
which it gets the means: flattening as such knows one length only, and zeros behind a short window would be a signal
that the layer never saw in training and would lower all its outputs. `segments=1` takes the mean over time instead.
Nothing comes behind the layer, so that contrastive learning may compare numbers of both signs.

Parameters with 12 leads at 500 Hz, without any head: 230,928, of which the fully connected layer has 155,776. At 100 Hz
198,160: pools are chosen there for frames of about as long (64 samples, 640 ms; 15 of them in 10 s).

Differs: padding is excluded everywhere, from batch norm's statistics in training too; the papers have windows of one
length. On several devices each process normalises by its own windows, so that losses depend on how a batch is spread.
"""

import math
from dataclasses import dataclass, field
from typing import Optional

import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.encoders import register_encoder
from fairseq_signals.encoders.encoder import Encoder
from fairseq_signals.encoders.settings import positive_integers
from fairseq_signals.modules.padded_convolution import Convolution, hide_padding
from fairseq_signals.modules.pooling import segment_means, valid_frames

POOLS, RATE = (2, 2, 4, 2, 2, 4), 500.0  # the pools, and the rate that they are for
WINDOW_SECONDS = 10.0


@dataclass
class AttiaSettings:
    """Settings of `AttiaEncoder`.

    Attributes:
        input_rate: samples per second (Hz).
        input_leads: number of leads, all of which the spatial block covers.
        channels: of each temporal block.
        kernels: samples (frames of the block before) under each temporal convolution, odd.
        pools: over how many outputs of each temporal block the maximum is taken; None chooses them by the rate.
        spatial_channels: of the spatial block.
        outputs: of the fully connected layer.
        segments: stretches of a window that the fully connected layer tells apart; None takes as many as 10 s have
            frames.
    """

    input_rate: float = RATE
    input_leads: int = 12
    channels: list = field(default_factory=lambda: [16, 16, 32, 32, 64, 64])
    kernels: list = field(default_factory=lambda: [5, 5, 5, 3, 3, 3])
    pools: Optional[list] = None
    spatial_channels: int = 64
    outputs: int = 128
    segments: Optional[int] = None

    def __post_init__(self):
        self.channels = positive_integers("channels", self.channels)
        self.kernels = positive_integers("kernels", self.kernels)
        if self.pools is None:
            self.pools = default_pools(self.input_rate, len(self.channels))
        self.pools = positive_integers("pools", self.pools)
        if self.segments is None:
            self.segments = max(int(WINDOW_SECONDS * self.input_rate) // math.prod(self.pools), 1)
        for name in ("spatial_channels", "outputs", "segments"):
            positive_integers(name, [getattr(self, name)])
        if not len(self.channels) == len(self.kernels) == len(self.pools):
            raise ValueError(
                f"kernels and pools must be one for each of the {len(self.channels)} channels, got "
                f"{len(self.kernels)} kernels and {len(self.pools)} pools"
            )
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError(f"kernels must be odd, so that frames stay centred on their samples, got {self.kernels}")


def default_pools(rate: float, blocks: int) -> list[int]:
    """Pools whose product is nearest to 512 ms at `rate` Hz among 256 times the powers of two.

    The largest pools are halved, or the smallest doubled, first blocks first.

    Raises:
        ValueError: there are not six blocks, for which alone pools are known.
    """
    if blocks != len(POOLS):
        raise ValueError(f"pools must be given for other than {len(POOLS)} temporal blocks, got {blocks} blocks")
    pools, steps = list(POOLS), round(math.log2(rate / RATE))
    for _ in range(abs(steps)):
        place = pools.index(max(pools) if steps < 0 else min(pools))
        pools[place] = max(pools[place] // 2, 1) if steps < 0 else pools[place] * 2
    return pools


class TemporalBlock(nn.Module):
    """Convolution in time, batch norm, ReLU and maximum: `[B, C, T]` to `[B, C', floor(T / pool)]`."""

    def __init__(self, inputs: int, channels: int, kernel: int, pool: int):
        super().__init__()
        self.pool = pool
        self.layer = Convolution(inputs, channels, kernel)

    def forward(self, signal: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output and which of it is valid: what covers valid samples `[B, T]` only."""
        output = F.max_pool1d(self.layer(signal, valid), self.pool)
        return output, None if valid is None else valid[:, self.pool - 1 :: self.pool]


@register_encoder("attia")
class AttiaEncoder(Encoder):
    """Temporal blocks, a spatial block and a fully connected layer over equal stretches of the window.

    A padded window gives the frames and, in evaluation, the embedding of the window without its padding.
    """

    Settings = AttiaSettings
    provides = frozenset({"frames"})

    def __init__(self, settings: AttiaSettings):
        super().__init__(settings)
        inputs = [1, *settings.channels]
        shapes = zip(inputs, settings.channels, settings.kernels, settings.pools, strict=False)
        self.temporal = nn.ModuleList(TemporalBlock(*shape) for shape in shapes)
        self.spatial = Convolution(settings.channels[-1] * settings.input_leads, settings.spatial_channels, 1)
        self.local_dim = self.dim = settings.spatial_channels
        self.output = nn.Linear(self.dim * settings.segments, settings.outputs)
        self.embedding_dim = settings.outputs

    @property
    def stride(self) -> int:
        """Samples from one frame to the next."""
        return math.prod(self.settings.pools)

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames `[B]` whose `stride` samples are all valid, `floor(n / stride)`."""
        return lengths.div(self.stride, rounding_mode="floor")

    def activation_maps(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Outputs `[B, C, L, F]` of the temporal blocks, which keep the leads apart; zero behind the valid frames.

        Raises:
            ValueError: another number of leads, or a window shorter than a frame.
        """
        if signal.shape[1] != self.leads or signal.shape[2] < self.stride:
            raise ValueError(
                f"windows must hold {self.leads} leads and at least {self.stride} samples, one frame, got "
                f"{signal.shape[1]} leads and {signal.shape[2]} samples"
            )
        valid = None if lengths is None else valid_frames(lengths, signal.shape[2]).repeat_interleave(self.leads, dim=0)
        output = signal.flatten(0, 1).unsqueeze(1)  # [B * L, 1, T]: filters are the same for every lead
        for block in self.temporal:
            output, valid = block(output, valid)
        return hide_padding(output, valid).unflatten(0, (-1, self.leads)).transpose(1, 2)

    def _across_leads(self, maps: Tensor, lengths: Tensor | None) -> Tensor:
        valid = None if lengths is None else valid_frames(self.frame_counts(lengths), maps.shape[3])
        return hide_padding(self.spatial(maps.flatten(1, 2), valid), valid).transpose(1, 2)

    def local(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames `[B, F, D]` of the spatial block; zero behind the valid ones."""
        return self._across_leads(self.activation_maps(signal, lengths), lengths)

    def embedding_of_maps(self, maps: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]` of maps `[B, C, L, F]`; see `Encoder.embedding_of_maps`."""
        frames = None if lengths is None else self.frame_counts(lengths)
        return self.pool(self._across_leads(maps, lengths), frames)

    def pool(self, context: Tensor, frames: Tensor | None = None) -> Tensor:
        """Outputs of the fully connected layer `[B, E]`."""
        return self.output(segment_means(context, self.settings.segments, frames).flatten(1))

    def parts(self) -> dict[str, list[nn.Module]]:
        """The lower half of the temporal blocks; the upper half and the spatial block; the fully connected layer."""
        half = len(self.temporal) // 2
        return {
            "stem": list(self.temporal[:half]),
            "body": [*self.temporal[half:], self.spatial],
            "head": [self.output],
        }
