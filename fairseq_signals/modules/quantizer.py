"""Product quantization with Gumbel softmax.

Source: Baevski et al. 2020, section 2 (https://arxiv.org/abs/2006.11477); Jang et al. 2016 for the Gumbel
softmax; 2 groups of 320 codes and a temperature from 2 to 0.5 by a factor 0.999995 per update in Oh et al. 2022's
public code.

Differs from fairseq's module in form only: the noise comes from a generator that is passed in, the sums of the
code probabilities are returned instead of their mean, so that they can be added over ranks before the diversity
term looks at them, and the chosen codes are looked up instead of multiplied with one-hot vectors.
"""

from dataclasses import dataclass

import torch
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
        soft = choice.softmax(dim=3) if self.training else None
        values = _StraightThrough.apply(soft, self.codebook, codes).flatten(2).to(frames.dtype)
        probability_sum = (logits.softmax(dim=3) * counted[:, :, None, None]).sum(dim=(0, 1))
        counts = torch.zeros_like(probability_sum)
        counts.scatter_add_(1, logits.argmax(dim=3).flatten(0, 1).T, counted.flatten().float().expand(self.groups, -1))
        return Quantized(values, codes, probability_sum, counts, counted.sum().float())


class _StraightThrough(torch.autograd.Function):
    """Codebook vectors of the chosen codes; the gradient of the choice is that of its soft probabilities.

    The same as multiplying the codebook with `one_hot - soft.detach() + soft`, without ever building it.
    """

    @staticmethod
    def forward(ctx, soft, codebook, codes):
        ctx.save_for_backward(codebook, codes)
        ctx.soft_dtype = None if soft is None else soft.dtype
        groups = torch.arange(codebook.shape[0], device=codes.device)
        return codebook[groups, codes]  # [B, F, G, D/G]

    @staticmethod
    def backward(ctx, gradient):
        codebook, codes = ctx.saved_tensors
        soft = None
        if ctx.soft_dtype is not None:
            soft = torch.einsum("bfgd,gvd->bfgv", gradient, codebook).to(ctx.soft_dtype)
        groups, size, width = codebook.shape
        place = codes + torch.arange(groups, device=codes.device) * size  # in the flattened codebook
        # In float32: a half-precision sum over thousands of frames stops growing where a term is below its last bit.
        chosen = torch.zeros(groups * size, width, dtype=torch.float32, device=gradient.device)
        chosen.index_add_(0, place.flatten(), gradient.reshape(-1, width).float())
        return soft, chosen.view_as(codebook).to(codebook.dtype), None


def perplexity(probabilities: Tensor) -> Tensor:
    """Sum over the groups of exp(entropy) of code probabilities `[G, V]`; G·V when all are used equally.

    The 1e-7 that keeps the logarithm finite is fairseq's.
    """
    entropy = -(probabilities * (probabilities + 1e-7).log()).sum(dim=1)
    return entropy.exp().sum()


def annealed_temperature(update: int, start: float, end: float, decay: float) -> float:
    """The Gumbel temperature after `update` updates: `start * decay**update`, never below `end`."""
    return max(start * decay**update, end)
