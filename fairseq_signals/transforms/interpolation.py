"""Signals read off between their samples, for transforms that change the time axis."""

import torch
from torch import Tensor


def at_positions(signal: Tensor, position: Tensor) -> Tensor:
    """The signal at fractional positions by linear interpolation, `[B, L, P]`; the same positions for all leads.

    At a whole number it is the sample itself. Outside the signal its first or last sample goes on.

    Args:
        signal: `[B, L, T]`.
        position: in samples from the first, `[B, P]`.
    """
    last = signal.shape[2] - 1
    position = position.clamp(0, last)
    below = position.floor()
    leads = signal.shape[1]
    lower, upper = (
        signal.gather(2, place.long().unsqueeze(1).expand(-1, leads, -1))
        for place in (below, (below + 1).clamp(max=last))
    )
    return torch.lerp(lower, upper, (position - below).to(signal.dtype).unsqueeze(1))
