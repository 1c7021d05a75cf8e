"""Which patches a masked autoencoder hides: a share of each window's, drawn uniformly without replacement.

Source: He et al. 2022 (https://arxiv.org/abs/2111.06377), section 3, "Masking".

Differs: the share is of the patches that hold signal. Padding and leads that are absent are neither kept nor hidden.
"""

import torch
from torch import Tensor


def check_share(share: float) -> None:
    """Raises ValueError where this is no share of patches to hide: from 0 to below 1."""
    if not 0 <= share < 1:
        raise ValueError(f"masked_share must lie in 0 to below 1, got {share}")


def hide_patches(uniform: Tensor, share: float, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Two booleans `[B, F]`: the patches that an encoder sees, and those that are hidden from it.

    Of `n` valid patches `share * n` are hidden, rounded to a whole number (a half to the even one), and at least one
    is kept.

    Args:
        uniform: `[B, F]`, independent draws from 0 to 1; the smallest are kept.
        share: from 0 to below 1.
        valid: boolean `[B, F]`, patches that hold signal; None where all do.

    Raises:
        ValueError: the share cannot be.
    """
    check_share(share)
    if valid is None:
        valid = torch.ones_like(uniform, dtype=torch.bool)
    numbers = valid.sum(dim=1)
    hidden = (numbers.double() * share).round().long().minimum(numbers - 1).clamp(min=0)
    place = uniform.masked_fill(~valid, 2.0).argsort(dim=1).argsort(dim=1)  # of each patch among its window's
    seen = place < (numbers - hidden).unsqueeze(1)
    return seen, valid & ~seen
