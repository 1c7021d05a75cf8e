"""What losses between segments share: candidates of all ranks, who belongs to whom, and the softmax over them.

The batch is what all ranks hold at once; with `update_freq` each micro-batch is a batch of its own. Every rank scores
its own segments, the anchors, against the segments of all ranks, the candidates; gradients reach both.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from torch import Tensor

from fairseq_signals.modules.gather import gather

POSITIVES = ChoiceEnum(["window", "recording", "patient"])


@dataclass
class PositivesConfig(FairseqDataclass):
    """Which segments belong together."""

    positives: POSITIVES = field(
        default="window", metadata={"help": "segments of the same window, recording or patient are positives"}
    )


class Pairs(NamedTuple):
    """This rank's `N` segments against the `M` segments of all ranks.

    Attributes:
        candidates: float32 `[M, D]`, with gradients.
        positive: boolean `[N, M]`, pairs that belong together; all of them are allowed.
        allowed: boolean `[N, M]`, pairs that enter the denominator.
    """

    candidates: Tensor
    positive: Tensor
    allowed: Tensor


def gathered_pairs(embedding: Tensor, group: Tensor, valid: Tensor, apart: Tensor | None = None) -> Pairs:
    """Every pair of a segment of this rank and one of any rank; no segment is its own candidate.

    Args:
        embedding: `[N, D]` of this rank's segments.
        group: int64 `[N]`; segments of equal group are positives.
        valid: boolean `[N]`; segments that are all padding are neither anchor nor candidate.
        apart: int64 `[N]`; segments of equal number are never negatives. None: only positives are not.
    """
    candidates, begin = gather(embedding.float())
    groups, all_valid = gather(group)[0], gather(valid)[0]
    same = group.unsqueeze(1) == groups
    itself = torch.arange(len(group), device=group.device) + begin
    allowed = valid.unsqueeze(1) & all_valid
    allowed = allowed & (torch.arange(len(groups), device=group.device) != itself.unsqueeze(1))
    if apart is not None:
        allowed = allowed & (same | (apart.unsqueeze(1) != gather(apart)[0]))
    return Pairs(candidates, same & allowed, allowed)


def negative_log_softmax(anchors: Tensor, candidates: Tensor, allowed: Tensor, temperature: float) -> Tensor:
    """−log softmax over each anchor's allowed candidates of their cosines over the temperature.

    Args:
        anchors: `[N, D]`.
        candidates: `[M, D]`.
        allowed: boolean `[N, M]`.
        temperature: divides the cosines.

    Returns:
        float32 `[N, M]`, infinite where a pair is not allowed; anchors without any candidate have finite numbers that
        mean nothing.

    Raises:
        ValueError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature of a contrast must be positive, got {temperature}")
    similarity = F.normalize(anchors.float(), dim=1) @ F.normalize(candidates.float(), dim=1).T / temperature
    # A softmax over nothing would be NaN, and so would be its gradient.
    empty = ~allowed.any(dim=1, keepdim=True)
    return -similarity.masked_fill(~allowed & ~empty, -torch.inf).log_softmax(dim=1)
