"""Product quantization with Gumbel softmax.

Source: Baevski et al. 2020, section 2 (https://arxiv.org/abs/2006.11477); Jang et al. 2016 for the Gumbel
softmax; 2 groups of 320 codes and a temperature from 2 to 0.5 by a factor 0.999995 per update in Oh et al. 2022's
public code.

Differs from fairseq's module in form only: the noise comes from a generator that is passed in, the sums of the
code probabilities are returned instead of their mean, so that they can be added over ranks before the diversity
term looks at them, and the codes are gathered by a matrix product.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class Quantized:
    """What the quantizer gives for frames `[B, F, D]`, with G groups of V codes.

    Attributes:
        values: quantized frames `[B, F, D_q]`.
        codes: chosen codes, int64 `[B, F, G]`.
        probability_sum: sum over the counted frames of softmax(logits), without noise, float32 `[G, V]`.
        code_counts: how often each code was the most probable one, float32 `[G, V]`.
        count: number of counted frames, float32 scalar.
    """

    values: Tensor
    codes: Tensor
    probability_sum: Tensor
    code_counts: Tensor
    count: Tensor


class GumbelQuantizer(nn.Module):
    """Chooses one code per group for every frame; gradients flow through the soft choice."""

    def __init__(self, inputs: int, groups: int = 2, codes: int = 320, dim: int = 256):
        """Args: `inputs` is the width of the frames, `dim` of the quantized frames (a multiple of `groups`)."""
        super().__init__()
        if dim % groups:
            raise ValueError(f"dim of the quantizer must be a multiple of its groups, got {dim} and {groups}")
        self.groups, self.codes = groups, codes
        self.logits = nn.Linear(inputs, groups * codes)
        nn.init.normal_(self.logits.weight, mean=0, std=1)
        nn.init.zeros_(self.logits.bias)
        self.codebook = nn.Parameter(torch.rand(groups, codes, dim // groups))
        self.temperature = 2.0

    def forward(self, frames: Tensor, counted: Tensor, generator: torch.Generator | None = None) -> Quantized:
        """Quantizes frames `[B, F, D]`.

        Args:
            frames: normalised local frames.
            counted: boolean `[B, F]`, the frames that enter the code statistics.
            generator: source of the Gumbel noise in training; None draws none, as in evaluation.
        """
        logits = self.logits(frames).unflatten(2, (self.groups, self.codes)).float()  # [B, F, G, V]
        choice = logits
        if self.training and generator is not None:
            noise = torch.empty_like(logits).exponential_(generator=generator).log().neg()
            choice = (logits + noise) / self.temperature
        codes = choice.argmax(dim=3)
        one_hot = F.one_hot(codes, self.codes).to(frames.dtype)
        if self.training:
            soft = choice.softmax(dim=3).to(frames.dtype)
            one_hot = one_hot - soft.detach() + soft
        values = torch.einsum("bfgv,gvd->bfgd", one_hot, self.codebook).flatten(2)
        weight = counted.float()[:, :, None, None]
        probability_sum = (logits.softmax(dim=3) * weight).sum(dim=(0, 1))
        best = F.one_hot(logits.detach().argmax(dim=3), self.codes) * weight
        return Quantized(values, codes, probability_sum, best.sum(dim=(0, 1)), counted.sum().float())


def perplexity(probabilities: Tensor) -> Tensor:
    """Sum over the groups of exp(entropy) of code probabilities `[G, V]`; G·V when all are used equally."""
    entropy = -(probabilities * (probabilities + 1e-7).log()).sum(dim=1)
    return entropy.exp().sum()


def annealed_temperature(update: int, start: float, end: float, decay: float) -> float:
    """The Gumbel temperature after `update` updates: `start * decay**update`, never below `end`."""
    return max(start * decay**update, end)
