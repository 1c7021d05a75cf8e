"""A masked autoencoder: an encoder sees a few patches of a window, a light decoder gives the samples of the others.

Source: He et al. 2022 (https://arxiv.org/abs/2111.06377), section 3; on ECGs Sawano et al. 2022, patches of one lead
times half a second, of which 75 % are hidden.

Conventions: `patches` are `[B, F, P]`, the samples of F patches, as `local` of an encoder that provides "patches" gives
them, in the unit of the preprocessed signal.

What normalised patches do to an ECG: He et al. divide a patch's difference from its mean by the root of its unbiased
variance plus 1e-6. Between two beats a patch holds little but noise, which would weigh as much as a QRS complex then;
`floor`, a deviation in the unit of the preprocessed signal whose square is added to the variance, is the size below
which a patch is drawn out less and less: its share of the loss falls with the square of deviation over floor. He et
al.'s formula is a floor of 0.001, in images of unit variance. And the amplitude of a hidden patch is not asked for.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.modules.packing import packed
from fairseq_signals.modules.patch_decoder import PatchDecoder
from fairseq_signals.modules.patch_masking import hide_patches
from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.modules.preprocess import Preprocess


class Encoded(NamedTuple):
    """What an encoder made of the patches that it saw.

    Attributes:
        context: `[B, F', D]` of these patches, in their order; a window that shows fewer than others has rows at its
            end that mean nothing.
        kept: int64 `[B, F']`, which patches they are; None where all are.
        counts: `[B]`, how many rows of each window mean something; None where all do.
        seen, masked: boolean `[B, F]`, patches that were seen, and those that hold signal and were hidden.
        valid: boolean `[B, F]`, patches that hold signal; None where all do.
    """

    context: Tensor
    kept: Tensor | None
    counts: Tensor | None
    seen: Tensor
    masked: Tensor
    valid: Tensor | None


class Autoencoded(NamedTuple):
    """What became of a batch of windows.

    Attributes:
        predicted: `[B, F, P]`, of all patches, in the unit of the targets.
        masked: boolean `[B, F]`, patches that hold signal and were hidden.
        context: see `Encoded`.
    """

    predicted: Tensor
    masked: Tensor
    context: Tensor


def normalise_patches(patches: Tensor, floor: float) -> tuple[Tensor, Tensor, Tensor]:
    """Patches `[B, F, P]` with mean 0 and deviation 1, float32, and what they were: mean and divisor `[B, F, 1]`.

    Args:
        patches: in any unit.
        floor: in the same unit; its square is added to the unbiased variance.
    """
    patches = patches.float()
    variance, mean = torch.var_mean(patches, dim=2, keepdim=True)
    divisor = (variance + floor**2).sqrt()
    return (patches - mean) / divisor, mean, divisor


@dataclass
class MaskedAutoencoder:
    """An encoder, its decoder and how they are used; holds no parameters of its own.

    Attributes:
        encoder: an `encoders.encoder.Encoder` that provides "dropping" and "patches".
        decoder: made for it.
        preprocess: turns millivolts into what the encoder sees.
        masked_share: of the patches that hold signal.
        normalised: whether targets are normalised patches.
        floor: see `normalise_patches`.
    """

    encoder: nn.Module
    decoder: PatchDecoder
    preprocess: Preprocess
    masked_share: float
    normalised: bool
    floor: float

    def targets(self, patches: Tensor) -> Tensor:
        """What the decoder is to give for patches, float32 `[B, F, P]`."""
        return normalise_patches(patches, self.floor)[0] if self.normalised else patches.float()

    def encode(
        self,
        patches: Tensor,
        lengths: Tensor | None,
        present: Tensor | None,
        generator: torch.Generator | None,
    ) -> Encoded:
        """Hides patches and encodes the others; the cost is that of the others alone.

        Args:
            patches: of preprocessed windows, in the precision of the encoder.
            lengths: number of valid samples `[B]`, None where no window is padded.
            present: boolean `[B, L]`, leads that exist; None where all do.
            generator: of the draws, on the patches' device; None for PyTorch's own.
        """
        valid = self.encoder.frame_mask(patches.shape[1], lengths, present)
        if valid is not None and bool(valid.all()):
            valid = None  # which spares the decoder's attention its mask
        uniform = torch.rand(patches.shape[:2], generator=generator, device=patches.device)
        seen, masked = hide_patches(uniform, self.masked_share, valid)
        kept, counts = packed(seen)
        context = self.encoder.context(self.encoder.tokens(patches), kept=kept, frames=counts)
        return Encoded(context, kept, counts, seen, masked, valid)

    def autoencode(
        self,
        patches: Tensor,
        lengths: Tensor | None,
        present: Tensor | None,
        generator: torch.Generator | None,
    ) -> Autoencoded:
        """Hides patches and lets the decoder give their samples; arguments as `encode`."""
        found = self.encode(patches, lengths, present, generator)
        predicted = self.decoder(found.context, found.kept, found.counts, found.seen, found.valid)
        return Autoencoded(predicted, found.masked, found.context)

    @torch.no_grad()
    def reconstruct(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Windows beside what the decoder makes of their hidden patches, for a picture; in evaluation mode.

        Millivolts are got back by undoing the preprocessing: with its constants, or with mean and deviation of each
        lead of the window, hidden patches included, by which the network's input was divided too. A band-pass cannot be
        undone; both signals are filtered ones then. Where targets are normalised patches, mean and deviation of each
        hidden patch are those of the original, which the network neither saw nor predicted: such a picture shows its
        shapes and says nothing of amplitudes and levels.

        Args:
            signal: millivolts `[B, L, T]`.
            lengths: number of valid samples `[B]`, None where no window is padded.
            present: boolean `[B, L]`, leads that exist; None where all do.
            generator: of the draws; None for PyTorch's own.

        Returns:
            `original` float32 `[B, L, T]`, mV; `masked` boolean `[B, L, T]`, samples of hidden patches; `reconstructed`
            float32 `[B, L, T]`, mV: the decoder's samples where they were hidden, the original elsewhere.
        """
        prepared = self.preprocess(signal, lengths, present)
        patches = self.encoder.local(prepared, lengths)
        found = self.autoencode(patches.to(next(self.encoder.parameters()).dtype), lengths, present, generator)
        predicted = found.predicted.float()
        if self.normalised:
            _, mean, divisor = normalise_patches(patches, self.floor)
            predicted = predicted * divisor + mean
        masked = self._whole(found.masked.unsqueeze(2).expand_as(patches).float(), prepared) > 0
        mean, deviation = self.preprocess.units(signal, lengths)
        original = (prepared * deviation + mean) * _there(prepared, lengths, present)
        guess = self._whole(predicted, prepared) * deviation + mean
        return {"original": original, "masked": masked, "reconstructed": torch.where(masked, guess, original)}

    def _whole(self, patches: Tensor, signal: Tensor) -> Tensor:
        """Patches as a signal `[B, L, T]`, with zeros for the samples at the end that fill no patch."""
        values = self.encoder.signal_of(patches)
        return F.pad(values, (0, signal.shape[2] - values.shape[2]))


def _there(signal: Tensor, lengths: Tensor | None, present: Tensor | None) -> Tensor:
    """Which samples are of a lead that exists and no padding, boolean `[B, L, T]`."""
    there = torch.ones_like(signal, dtype=torch.bool)
    if present is not None:
        there = there & present.unsqueeze(2)
    return there if lengths is None else there & valid_frames(lengths, signal.shape[2]).unsqueeze(1)
