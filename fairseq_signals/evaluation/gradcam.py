"""Grad-CAM: which stretch of which lead speaks for a class, for any encoder with frames.

Source: Selvaraju et al. 2017 (https://arxiv.org/abs/1610.02391), section 3: the weight of each feature is the mean,
over the grid of the encoder's maps, of the gradient of the class's score (its logit) with respect to them; the picture
is the weighted sum of the maps where it is positive, drawn out to the size of the input. Nakamoto et al. 2022 draw it
over the leads for their CNN.

It says what speaks *for* the class, in units of the score; what speaks against it is not shown. Weights are means over
the whole grid, so that a feature counts everywhere as it does on average. A transformer's frames have looked at one
another, so that a frame may light up for what stands elsewhere.

Differs: encoders whose frames mix the leads (one group) know only a time. There each moment's value is shared out over
the leads in proportion to gradient times signal at the encoder's input, without sign, smoothed over a frame or over
0.1 s if that is longer: the shares are no part of Grad-CAM, and the leads' values add up to it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_signals.encoders.encoder import Encoder
from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.transforms.interpolation import at_positions

SHORTEST_SHARE_SECONDS = 0.1


def class_activation(maps: Tensor, gradient: Tensor) -> Tensor:
    """What the maps say for a class on their own grid, `[B, G, F]`.

    Args:
        maps: `[B, D, G, F]`.
        gradient: of the class's score with respect to them, `[B, D, G, F]`.
    """
    weights = gradient.mean(dim=(2, 3))  # [B, D]
    return torch.einsum("bd, bdgf -> bgf", weights, maps).relu()


def frame_centres(encoder: Encoder, samples: int, frames: int) -> tuple[float, float]:
    """Where the middle of the first frame lies, and how far it is from one to the next, in samples.

    Both follow from the length rule: a frame counts from the moment on when the samples up to its middle, or up to its
    end, are valid; the first one tells how many samples of it there are. Samples that frames share with earlier ones
    (the causal kernels of `cpc`, where longer than their strides) are not seen in it.

    Args:
        encoder: with maps of this many frames in time.
        samples: T.
        frames: of a whole window, in time.
    """
    counts = encoder.frame_counts(torch.arange(1, samples + 1))
    per_frame = int(counts[-1]) // frames
    if not per_frame:
        raise ValueError(f"maps must have at most the {int(counts[-1])} frames of {samples} samples, got {frames}")
    needed = 1 + torch.searchsorted(counts.contiguous(), per_frame * torch.arange(1, frames + 1))
    step = float(needed[-1] - needed[0]) / (frames - 1) if frames > 1 else float(samples)
    return float(needed[0] - 1) / 2, step


def on_time_axis(activation: Tensor, first: float, step: float, samples: int, frames: Tensor | None = None) -> Tensor:
    """Activations `[B, G, F]` between the middles of their frames, `[B, G, T]`; beyond the last valid one it goes on.

    Args:
        activation: `[B, G, F]`.
        first: middle of the first frame, in samples.
        step: samples from one frame to the next.
        samples: T.
        frames: valid frames in time, `[B]`; None where all are.
    """
    position = (torch.arange(samples, device=activation.device) - first) / step
    position = position.clamp(min=0).expand(len(activation), -1)
    if frames is not None:
        position = torch.minimum(position, (frames - 1).clamp(min=0).unsqueeze(1))
    return at_positions(activation, position)


def lead_shares(product: Tensor, present: Tensor, width: int) -> Tensor:
    """What each lead has in every moment's value, `[B, L, T]`, adding up to 1 over the leads that are there.

    Args:
        product: gradient times signal at the encoder's input, `[B, L, T]`.
        present: boolean `[B, L]`.
        width: samples to smooth over, odd.
    """
    size = product.abs().masked_fill(~present.unsqueeze(2), 0)
    smooth = F.avg_pool1d(size, width, stride=1, padding=width // 2, count_include_pad=False)
    even = present.unsqueeze(2).to(smooth.dtype).expand_as(smooth)  # where nothing is there to share by
    smooth = torch.where(smooth.sum(dim=1, keepdim=True) > 0, smooth, even)
    return smooth / smooth.sum(dim=1, keepdim=True).clamp(min=torch.finfo(smooth.dtype).tiny)


def grad_cam(
    encoder: Encoder,
    score: Callable[[Tensor], Tensor],
    signal: Tensor,
    lengths: Tensor | None = None,
    present: Tensor | None = None,
) -> Tensor:
    """How much each sample of each lead speaks for a class, `[B, L, T]`, 0 or more; zero in absent leads and padding.

    Args:
        encoder: in evaluation mode.
        score: of the class from embeddings, `[B, E]` to `[B]`: its logit.
        signal: preprocessed windows, `[B, L, T]`.
        lengths: valid samples, `[B]`.
        present: boolean `[B, L]`, leads that are there; None where all are.

    Raises:
        ValueError: the encoder has no frames, or hides its input from gradients.
    """
    encoder.require({"frames"}, "Grad-CAM")
    present = torch.ones(signal.shape[:2], dtype=torch.bool, device=signal.device) if present is None else present
    maps, of_maps, of_signal = _gradients(encoder, score, signal, lengths, present)
    first, step = frame_centres(encoder, signal.shape[2], maps.shape[3])
    valid = None if lengths is None else (lengths - 1 - 2 * first).div(step, rounding_mode="floor") + 1
    heat = on_time_axis(class_activation(maps, of_maps), first, step, signal.shape[2], valid)
    if maps.shape[2] == 1:
        width = max(step, SHORTEST_SHARE_SECONDS * encoder.rate)
        heat = heat * lead_shares(of_signal * signal, present, 2 * int(width / 2) + 1)
    heat = heat.masked_fill(~present.unsqueeze(2), 0)
    return heat if lengths is None else heat.masked_fill(~valid_frames(lengths, heat.shape[2]).unsqueeze(1), 0)


def _gradients(encoder, score, signal, lengths, present) -> tuple[Tensor, Tensor, Tensor]:
    """Maps, and the score's gradients with respect to maps and signal."""
    # The fused recurrent layers of graphics processors have no backward pass in evaluation mode.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        signal = signal.detach().requires_grad_()
        maps = encoder.activation_maps(signal, lengths, present)
        total = score(encoder.embedding_of_maps(maps, lengths, present)).sum()
        of_maps, of_signal = torch.autograd.grad(total, (maps, signal), allow_unused=True)
    if of_maps is None:
        raise ValueError("score must depend on the embedding, got one without a gradient")
    if maps.shape[2] == 1 and of_maps.any() and (of_signal is None or not of_signal.any()):
        raise ValueError("encoder must pass gradients on to its signal, got none (a feature_gradient of 0?)")
    return maps.detach(), of_maps, of_signal
