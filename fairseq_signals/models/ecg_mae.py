"""MAE: an encoder sees a quarter of a window's patches, a light decoder gives the samples of the others.

Source: He et al. 2022 (https://arxiv.org/abs/2111.06377); on ECGs Sawano et al. 2022, ViT-Large on patches of one lead
times half a second, 75 % of them hidden, "implementation details followed" He et al. The network itself and what
normalised patches do to an ECG stand in `modules.masked_autoencoder`, which needs no fairseq.

Differs: patches of absent leads and of padding are neither seen nor to be reconstructed, and the share that is hidden
is one of the others. Targets are the preprocessed samples unless `normalised_patches` is set: neither Sawano et al.'s
text nor their pictures, which show reconstructions in the ECG's own amplitude, say that they normalised them; He et
al. do in their best results.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.models import register_model
from torch import Tensor

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.masked_autoencoder import MaskedAutoencoder
from fairseq_signals.modules.patch_decoder import PatchDecoder, PatchDecoderSettings
from fairseq_signals.modules.patch_masking import check_share


@dataclass
class ECGMAEConfig(ECGModelConfig):
    """Settings of `ecg_mae`."""

    encoder: Any = field(
        default="vit_large",
        metadata={"help": "encoder: a preset's name, or (yaml) a mapping with _name and the settings that differ"},
    )
    masked_share: float = field(
        default=0.75, metadata={"help": "share of a window's patches that is hidden from the encoder"}
    )
    reconstruction_dim: int = field(default=512, metadata={"help": "width of the decoder"})
    reconstruction_layers: int = field(default=8, metadata={"help": "layers of the decoder"})
    reconstruction_heads: int = field(default=16, metadata={"help": "attention heads of the decoder"})
    normalised_patches: bool = field(
        default=False, metadata={"help": "targets are patches of mean 0 and deviation 1 instead of the samples"}
    )
    patch_floor: float = field(
        default=0.001,
        metadata={
            "help": "deviation, in the unit of the preprocessed signal, below which normalised patches are drawn out "
            "less and less; 0.001 is He et al.'s"
        },
    )


@register_model("ecg_mae", dataclass=ECGMAEConfig)
class ECGMAE(ECGModel):
    """An encoder of patches and the decoder that reconstructs those it did not see."""

    def __init__(self, cfg: ECGMAEConfig):
        """As every model.

        Raises:
            ValueError: the encoder has no patches to drop, or a setting cannot be.
        """
        super().__init__(cfg)
        self.encoder.require({"frames", "dropping", "patches"}, by="ecg_mae")
        _check(cfg)
        settings = PatchDecoderSettings(cfg.reconstruction_dim, cfg.reconstruction_layers, cfg.reconstruction_heads)
        self.decoder = PatchDecoder(settings, self.encoder.dim, self.encoder.local_dim, self.encoder.leads)

    @property
    def autoencoder(self) -> MaskedAutoencoder:
        """Encoder and decoder in their use; a view of this model's parts."""
        cfg = self.cfg
        return MaskedAutoencoder(
            self.encoder, self.decoder, self.preprocess, cfg.masked_share, cfg.normalised_patches, cfg.patch_floor
        )

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """Named outputs for windows `[B, L, T]` in millivolts.

        Args:
            signal: windows, mV.
            lengths: number of valid samples `[B]`, None where no window is padded.
            present: boolean `[B, L]`, leads that exist.
            generator: of the draws of hidden patches, on the windows' device; None for PyTorch's own.

        Returns:
            A dictionary with

            - `predicted` and `targets` float32 `[B, F, P]`: samples of all patches, `targets` without gradients;
            - `masked` boolean `[B, F]`: patches that hold signal and were hidden.
        """
        # Targets keep float32 where the network is narrower.
        patches = self.encoder.local(self.preprocess(signal, lengths, present), lengths)
        narrow = patches.to(next(self.encoder.parameters()).dtype)
        found = self.autoencoder.autoencode(narrow, lengths, present, generator)
        return {
            "predicted": found.predicted.float(),
            "targets": self.autoencoder.targets(patches),
            "masked": found.masked,
        }

    def reconstruct(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """`original` and `reconstructed`, mV, and `masked`, `[B, L, T]`; see `MaskedAutoencoder.reconstruct`."""
        return self.autoencoder.reconstruct(signal, lengths, present, generator)


def _check(cfg: ECGMAEConfig):
    check_share(cfg.masked_share)
    if not cfg.patch_floor > 0:
        raise ValueError(f"patch_floor must be positive, or a flat patch would be divided by 0, got {cfg.patch_floor}")
