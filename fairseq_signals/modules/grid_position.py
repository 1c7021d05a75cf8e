"""Codes that tell a transformer from which lead and which time a token is.

Source: He et al. 2022 (https://arxiv.org/abs/2111.06377), section 3 and appendix A.1: sines and cosines of both
coordinates of a grid (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.5, for one), the first half of
the features for one coordinate and the second for the other.

Differs: the coordinates are the number of the lead and of the patch in time, where an image has a column and a row. The
learned codes are one for each lead plus one for each patch in time, not one for each place of the grid, so that shorter
windows need no other codes.
"""

import torch
from torch import Tensor, nn

LONGEST = 10_000.0  # in which sines repeat themselves is at most 2 pi times this many places
FIXED, LEARNED = "fixed", "learned"


def sine_cosine(places: Tensor, dim: int) -> Tensor:
    """Codes `[N, dim]` of places `[N]`: `dim / 2` sines, then the cosines of the same angles.

    Angle number i is the place divided by 10,000 to the power `2 i / dim`.
    """
    steps = torch.arange(dim // 2, dtype=torch.float64, device=places.device)
    angles = places.double().unsqueeze(1) / LONGEST ** (2 * steps / dim)
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def sine_cosine_grid(leads: int, times: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Codes float32 `[times * leads, dim]`, all leads of the first patch in time first.

    The first half of a code is its lead's, the second half its patch's.
    """
    lead = sine_cosine(torch.arange(leads, device=device), dim // 2).repeat(times, 1)
    time = sine_cosine(torch.arange(times, device=device), dim // 2).repeat_interleave(leads, dim=0)
    return torch.cat([lead, time], dim=1)


class GridPosition(nn.Module):
    """Position codes of tokens in time-major order (index = patch number in time * leads + lead)."""

    def __init__(self, leads: int, dim: int, kind: str = FIXED, times: int = 0):
        """Makes the codes, or what learns them.

        Args:
            leads: number of leads.
            dim: features of a token, a multiple of 4.
            kind: "fixed" (sines and cosines) or "learned".
            times: the most patches in time that learned codes are for.

        Raises:
            ValueError: another kind, features that cannot be divided, or learned codes for no patch.
        """
        super().__init__()
        if kind not in (FIXED, LEARNED):
            raise ValueError(f"position must be 'fixed' or 'learned', got {kind!r}")
        if dim % 4:
            raise ValueError(f"dim must be a multiple of 4 for sines and cosines of two coordinates, got {dim}")
        self.leads, self.dim, self.kind = leads, dim, kind
        if kind == LEARNED:
            if times < 1:
                raise ValueError(f"learned positions must be for 1 patch in time or more, got {times}")
            self.lead = nn.Parameter(torch.empty(leads, dim).normal_(std=0.02))
            self.time = nn.Parameter(torch.empty(times, dim).normal_(std=0.02))

    def forward(self, tokens: Tensor) -> Tensor:
        """Codes `[F, D]` in the dtype of tokens `[B, F, D]`, to be added to them.

        Raises:
            ValueError: the tokens are not of whole columns of leads, or more than learned codes are for.
        """
        times, rest = divmod(tokens.shape[1], self.leads)
        if rest:
            raise ValueError(f"tokens must be a multiple of the {self.leads} leads, got {tokens.shape[1]}")
        if self.kind == FIXED:
            return sine_cosine_grid(self.leads, times, self.dim, tokens.device).to(tokens.dtype)
        if times > len(self.time):
            raise ValueError(
                f"windows must hold at most the {len(self.time)} patches in time that learned positions are for "
                f"(position_seconds), got {times}"
            )
        return (self.time[:times].unsqueeze(1) + self.lead).flatten(0, 1)
