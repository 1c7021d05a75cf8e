"""Which frames a span mask hides.

Source: Oh et al. 2022, section 5.2: every frame starts a masked span with probability 0.065 and the span covers
10 frames. A frame at 0-based position t is then hidden with probability 1 - (1 - p)^min(t + 1, length).

Differs: fairseq's function fixes the number of spans per window first (`mask_prob * frames / length`, rounded at
random) and draws their distinct starts; that form is `draw_fixed_starts`, with p = mask_prob / length. Its own last
start leaves one frame of the window uncovered; here a span may also end with the window.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_signals.modules.pooling import valid_frames


def span_mask(starts: Tensor, length: int, frames: Tensor | None = None) -> Tensor:
    """Boolean `[B, F]`: the frames that lie in a span.

    Args:
        starts: boolean `[B, F]`, where spans start; spans may overlap and run over the end.
        length: frames per span.
        frames: number of valid frames `[B]`; what lies behind is never masked.
    """
    covered = F.max_pool1d(F.pad(starts.float(), (length - 1, 0)).unsqueeze(1), length, stride=1).squeeze(1) > 0
    return covered if frames is None else covered & valid_frames(frames, starts.shape[1])


def draw_starts(shape: tuple[int, int], probability: float, generator: torch.Generator, device) -> Tensor:
    """Boolean `[B, F]`: every frame starts a span independently with this probability (the paper's form)."""
    return torch.rand(shape, generator=generator, device=device) < probability


def draw_fixed_starts(
    shape: tuple[int, int],
    probability: float,
    length: int,
    generator: torch.Generator,
    device,
    frames: Tensor | None = None,
) -> Tensor:
    """Boolean `[B, F]`: distinct starts, their number fixed per window (fairseq's form).

    The number is `probability * F + u` rounded down, u uniform in [0, 1); starts are drawn without replacement
    from the positions whose span fits into the window.
    """
    batch, count = shape
    valid = torch.full((batch,), count, device=device) if frames is None else frames
    number = (probability * valid + torch.rand(batch, generator=generator, device=device)).floor().long()
    keys = torch.rand(shape, generator=generator, device=device)
    fits = torch.arange(count, device=device) <= (valid - length).unsqueeze(1)
    order = keys.masked_fill(~fits, 2.0).argsort(dim=1).argsort(dim=1)  # rank of each position's key
    return (order < number.unsqueeze(1)) & fits
