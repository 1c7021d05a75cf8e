"""The light decoder of a masked autoencoder: from the tokens that an encoder saw to the samples of all patches.

Source: He et al. 2022 (https://arxiv.org/abs/2111.06377), section 3 and appendix A.1: a linear layer to the decoder's
width, one learned vector in place of each hidden patch, sine-cosine positions of all, transformer layers with the norm
before each half, a norm and a linear layer to the samples. Width 512, 8 layers and 16 heads are theirs and those of
Sawano et al. 2022; linear layers begin as Xavier's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fairseq_signals.modules.grid_position import GridPosition
from fairseq_signals.modules.packing import scattered
from fairseq_signals.modules.transformer import TransformerLayer, attention_mask, initialise_xavier

NORM_EPSILON = 1e-6  # of the layer norms, as in He et al.


@dataclass
class PatchDecoderSettings:
    """Size of a `PatchDecoder`; the feed-forward half of a layer is four times as wide as the layer.

    Attributes:
        dim, layers, heads: of the transformer.
    """

    dim: int = 512
    layers: int = 8
    heads: int = 16

    def __post_init__(self):
        for name in ("dim", "layers", "heads"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= 1):
                raise ValueError(f"reconstruction_{name} must be a whole number from 1 on, got {getattr(self, name)!r}")


class PatchDecoder(nn.Module):
    """Samples `[B, F, P]` of every patch from the context of those that were seen."""

    def __init__(self, settings: PatchDecoderSettings, inputs: int, samples: int, leads: int):
        """Args: width of the encoder's context, samples of a patch, and number of leads, which the positions need."""
        super().__init__()
        dim = settings.dim
        self.embed = nn.Linear(inputs, dim)
        self.mask_token = nn.Parameter(torch.empty(dim).normal_(std=0.02))
        self.position = GridPosition(leads, dim)
        self.layers = nn.ModuleList(
            TransformerLayer(dim, settings.heads, 4 * dim, 0.0, 0.0, norm_first=True, epsilon=NORM_EPSILON)
            for _ in range(settings.layers)
        )
        self.norm, self.predict = nn.LayerNorm(dim, eps=NORM_EPSILON), nn.Linear(dim, samples)
        initialise_xavier(self)

    def forward(
        self, context: Tensor, kept: Tensor | None, counts: Tensor | None, seen: Tensor, valid: Tensor | None
    ) -> Tensor:
        """Samples `[B, F, P]`; those of patches that are not valid mean nothing.

        Args:
            context: of the patches that were seen, `[B, F', D]`.
            kept: int64 `[B, F']`, which patches these are; None where all were.
            counts: `[B]`, valid entries of each row of `kept`, the first ones; None where all are.
            seen: boolean `[B, F]`, the same patches.
            valid: boolean `[B, F]`, patches that hold signal; the others are not attended to. None where all do.
        """
        tokens = scattered(self.embed(context), kept, seen.shape[1], counts)
        tokens = torch.where(seen.unsqueeze(2), tokens, self.mask_token.to(tokens.dtype))
        tokens = tokens + self.position(tokens)
        attend = attention_mask(valid)
        for layer in self.layers:
            tokens = layer(tokens, attend)
        return self.predict(self.norm(tokens))
