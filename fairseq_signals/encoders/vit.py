"""The vision transformer for ECGs: every token is a stretch of one lead.

Source: Sawano et al. 2022, sections 2.2 and 2.3: patches of 1 lead x 250 samples (0.5 s at 500 Hz), 240 of them in a
window of 12 leads and 10 s, and ViT-Large; the rest as He et al. 2022 (https://arxiv.org/abs/2111.06377), appendix A:
layer norm before each half-layer and after the last, fixed sine-cosine positions on the grid (here lead x time, see
`modules.grid_position`), linear layers initialised as Xavier's, the mean of the tokens as embedding; Dosovitskiy et al.
2021 (https://arxiv.org/abs/2010.11929), table 1, for base and large, Touvron et al. 2021
(https://arxiv.org/abs/2012.12877), table 1, for tiny and small.

Parameters with 12 leads at 500 Hz, without any head: vit_tiny 5,386,944; vit_small 21,390,720; vit_base 85,248,768;
vit_large 302,568,448, the paper's 303 M. At 100 Hz, where a patch has 50 samples, `200 * dim` fewer.

Differs: there is no class token by default, which He et al. found as good (appendix A.1); `auxiliary_token` adds
theirs, a token beside the patches that is no frame, and `pool="class"` reads the frames by a class token in one more
layer, after Touvron et al. 2021 (https://arxiv.org/abs/2103.17239), section 3, so that the embedding is made of the
frames alone. That layer's weights are not trained by MAE.
The norm after the last layer also stays in fine-tuning, where He et al. set one behind the mean in its place. Leads
that are absent are dropped like masked patches, where zeros in their place would be tokens of a flat line. A stretch at
the end that does not fill a patch is left out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fairseq_signals.encoders import register_encoder
from fairseq_signals.encoders.encoder import Encoder
from fairseq_signals.modules.grid_position import FIXED, GridPosition
from fairseq_signals.modules.packing import gathered, packed, scattered
from fairseq_signals.modules.pooling import mean_pool, valid_frames
from fairseq_signals.modules.transformer import TransformerLayer, attention_mask, initialise_xavier


@dataclass
class ViTSettings:
    """Settings of `ViTEncoder`; the defaults are ViT-Base on the patches of Sawano et al. 2022.

    Attributes:
        input_rate: samples per second (Hz).
        input_leads: number of leads.
        patch_seconds: length of a patch; a whole number of samples.
        layers, dim, heads, hidden: size of the transformer.
        position: "fixed" sines and cosines, or "learned" codes of leads and of patches in time.
        position_seconds: the longest window that learned positions are for; fixed ones are for any.
        pool: "mean" of the tokens, or "class": a class token that reads them in one more layer.
        auxiliary_token: a learned token beside the patches in every layer, as in He et al.
        dropout, attention_dropout, activation_dropout: inside the transformer.
        drop_path: probability of leaving out a half-layer of the last layer; it grows evenly from 0 in the first
            (the public code of He et al. fine-tunes with 0.1 for base and 0.2 for large).
        norm_epsilon: of the layer norms, as in He et al.
        checkpoint_activations: computes every layer a second time for its gradient, instead of keeping what is in it.
    """

    input_rate: float = 500.0
    input_leads: int = 12
    patch_seconds: float = 0.5
    layers: int = 12
    dim: int = 768
    heads: int = 12
    hidden: int = 3072
    position: str = FIXED
    position_seconds: float = 10.0
    pool: str = "mean"
    auxiliary_token: bool = False
    dropout: float = 0.0
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    drop_path: float = 0.0
    norm_epsilon: float = 1e-6
    checkpoint_activations: bool = False

    def __post_init__(self):
        samples = self.patch_seconds * self.input_rate
        if not (samples >= 1 and abs(samples - round(samples)) < 1e-6):
            raise ValueError(
                f"patch_seconds must make a whole number of samples at {self.input_rate:g} Hz, got "
                f"{self.patch_seconds} s, {samples:g} samples"
            )
        if self.pool not in ("mean", "class"):
            raise ValueError(f"pool must be 'mean' or 'class', got {self.pool!r}")
        if not (type(self.layers) is int and self.layers > 0):
            raise ValueError(f"layers must be a positive integer, got {self.layers!r}")

    @property
    def patch_samples(self) -> int:
        """Samples of a patch."""
        return round(self.patch_seconds * self.input_rate)

    def layer(self, drop_path: float) -> TransformerLayer:
        """One layer, not yet initialised."""
        return TransformerLayer(
            self.dim,
            self.heads,
            self.hidden,
            self.dropout,
            self.attention_dropout,
            self.activation_dropout,
            norm_first=True,
            drop_path=drop_path,
            epsilon=self.norm_epsilon,
        )


class LearnedToken(nn.Module):
    """A learned token in front of all others."""

    def __init__(self, dim: int):
        super().__init__()
        self.token = nn.Parameter(torch.empty(dim).normal_(std=0.02))

    def forward(self, tokens: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`[B, 1 + F, D]`, and which of them are valid: `[B, 1 + F]` from those of the tokens."""
        first = self.token.to(tokens.dtype).expand(len(tokens), 1, -1)
        if valid is not None:
            valid = torch.cat([torch.ones_like(valid[:, :1]), valid], dim=1)
        return torch.cat([first, tokens], dim=1), valid


class ClassPool(nn.Module):
    """A class token that reads the frames `[B, F, D]` in one transformer layer and is the embedding `[B, D]`."""

    def __init__(self, settings: ViTSettings):
        super().__init__()
        self.token, self.layer = LearnedToken(settings.dim), settings.layer(settings.drop_path)
        self.norm = nn.LayerNorm(settings.dim, eps=settings.norm_epsilon)

    def forward(self, frames: Tensor, counts: Tensor | None) -> Tensor:
        """`counts` `[B]` are the valid frames; None where all are."""
        valid = None if counts is None else valid_frames(counts, frames.shape[1])
        tokens, valid = self.token(frames, valid)
        return self.norm(self.layer(tokens, attention_mask(valid))[:, 0])


@register_encoder(
    "vit",
    vit_tiny={"layers": 12, "dim": 192, "heads": 3, "hidden": 768},
    vit_small={"layers": 12, "dim": 384, "heads": 6, "hidden": 1536},
    vit_base={"layers": 12, "dim": 768, "heads": 12, "hidden": 3072},
    vit_large={"layers": 24, "dim": 1024, "heads": 16, "hidden": 4096},
)
class ViTEncoder(Encoder):
    """Patches of single leads, projected, with the codes of their lead and time, through transformer layers.

    Frames are time-major: all leads of the first patch in time, then all of the second. Those of a padded window's
    valid samples come first, and give the same as the window without its padding.
    """

    Settings = ViTSettings
    provides = frozenset({"frames", "dropping", "patches"})

    def __init__(self, settings: ViTSettings):
        super().__init__(settings)
        self.local_dim = settings.patch_samples
        self.dim = self.embedding_dim = settings.dim
        times = int(settings.position_seconds * settings.input_rate / self.local_dim + 1e-6)
        self.project = nn.Linear(self.local_dim, self.dim)
        self.position = GridPosition(settings.input_leads, self.dim, settings.position, times)
        self.auxiliary = LearnedToken(self.dim) if settings.auxiliary_token else None
        step = settings.drop_path / max(settings.layers - 1, 1)
        self.layers = nn.ModuleList(settings.layer(step * number) for number in range(settings.layers))
        self.norm = nn.LayerNorm(self.dim, eps=settings.norm_epsilon)
        self.reader = ClassPool(settings) if settings.pool == "class" else None
        initialise_xavier(self)

    @property
    def stride(self) -> int:
        """Samples from one patch of a lead to its next."""
        return self.local_dim

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames `[B]` whose samples are all valid: whole patches in time, times the leads."""
        return lengths.div(self.stride, rounding_mode="floor") * self.leads

    def frame_mask(self, size: int, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor | None:
        """Which of `size` frames are of a lead that is there and of valid samples; see `Encoder.frame_mask`."""
        valid = super().frame_mask(size, lengths)
        if present is None:
            return valid
        there = present.repeat(1, size // self.leads)  # time-major: the leads again and again
        return there if valid is None else there & valid

    def local(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The samples themselves, patch by patch: `[B, F, D_local]`; zero behind the valid frames.

        Raises:
            ValueError: another number of leads, or a window shorter than a patch.
        """
        if signal.shape[1] != self.leads or signal.shape[2] < self.stride:
            raise ValueError(
                f"windows must hold {self.leads} leads and at least {self.stride} samples, one patch, got "
                f"{signal.shape[1]} leads and {signal.shape[2]} samples"
            )
        times = signal.shape[2] // self.stride
        patches = signal[:, :, : times * self.stride].unflatten(2, (times, self.stride))  # [B, L, N, P]
        local = patches.transpose(1, 2).flatten(1, 2)
        hidden = self.frame_mask(local.shape[1], lengths)
        return local if hidden is None else local.masked_fill(~hidden.unsqueeze(2), 0)

    def signal_of(self, local: Tensor) -> Tensor:
        """The signal `[B, L, T]` of frames `[B, F, D_local]`, without a stretch that filled no patch."""
        return local.unflatten(1, (-1, self.leads)).transpose(1, 2).flatten(2)

    def tokens(self, local: Tensor) -> Tensor:
        """Projected patches with the codes of their places: `[B, F, D]`."""
        tokens = self.project(local)
        return tokens + self.position(tokens)

    def context(self, tokens: Tensor, kept: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        """Outputs of the layers `[B, F', D]` for the tokens that are kept; see `Encoder.context`."""
        context = gathered(tokens, kept)
        valid = None if frames is None else valid_frames(frames, context.shape[1])
        if valid is not None:
            context = context.masked_fill(~valid.unsqueeze(2), 0)  # not even as 0 * inf
        if self.auxiliary is not None:
            context, valid = self.auxiliary(context, valid)
        attend = attention_mask(valid)
        for layer in self.layers:
            if self.settings.checkpoint_activations and torch.is_grad_enabled():
                context = checkpoint(layer, context, attend, use_reentrant=False)
            else:
                context = layer(context, attend)
        return self.norm(context if self.auxiliary is None else context[:, 1:])

    def pool(self, context: Tensor, frames: Tensor | None = None) -> Tensor:
        """The mean of the valid tokens, or what the class token reads in them: `[B, D]`."""
        return mean_pool(context, frames) if self.reader is None else self.reader(context, frames)

    def activation_maps(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Maps `[B, D, L, N]` of leads and patches in time; zero where a lead is absent or padding."""
        tokens = self.tokens(self.local(signal, lengths))
        kept, frames = packed(self.frame_mask(tokens.shape[1], lengths, present))
        context = scattered(self.context(tokens, kept, frames), kept, tokens.shape[1], frames)
        return context.unflatten(1, (-1, self.leads)).permute(0, 3, 2, 1)

    def embedding_of_maps(self, maps: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]` of maps `[B, D, L, N]`; see `Encoder.embedding_of_maps`."""
        context = maps.permute(0, 3, 2, 1).flatten(1, 2)
        kept, frames = packed(self.frame_mask(context.shape[1], lengths, present))
        return self.pool(gathered(context, kept), frames)

    def parts(self) -> dict[str, list[nn.Module]]:
        """Projection and positions; the lower half of the layers; the upper half and what comes behind."""
        half, before, behind = len(self.layers) // 2, [self.project, self.position], [self.norm]
        before += [] if self.auxiliary is None else [self.auxiliary]
        behind += [] if self.reader is None else [self.reader]
        return {"stem": before, "body": list(self.layers[:half]), "head": [*self.layers[half:], *behind]}
