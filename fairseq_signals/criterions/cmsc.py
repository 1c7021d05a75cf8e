"""The global objective: segments of one recording must find each other among all segments of the batch.

Source: Oh et al. 2022, equations 3 and 4, after Kiyasseh et al. 2021 (CMSC). Embeddings are means over time of the
context.

Differs: segments of one recording that are no positives of each other (other windows of a long recording) are no
negatives either, as the paper takes negatives from different recordings. The batch is what all ranks hold at once; with
`update_freq` each micro-batch is a batch of its own. The public code's form, `blocks=two`, compares first views with
second views only, along rows and columns, half the mean each; the paper's form compares every segment with all others.
"""

from dataclasses import dataclass, field

import torch
from fairseq.criterions import register_criterion
from fairseq.dataclass import ChoiceEnum
from torch import Tensor

from fairseq_signals.criterions.contrast import PositivesConfig, gathered_pairs, negative_log_softmax
from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome
from fairseq_signals.modules.gather import gather

BLOCKS = ChoiceEnum(["all", "two"])


def pair_losses(
    anchors: Tensor,
    candidates: Tensor,
    positive: Tensor,
    allowed: Tensor,
    temperature: float,
) -> tuple[Tensor, Tensor]:
    """Sum over positive pairs of −log softmax, and their number; see `contrast.Pairs` for the arguments."""
    losses = negative_log_softmax(anchors, candidates, allowed, temperature)
    positive = positive & allowed
    return losses.masked_fill(~positive, 0.0).sum(), positive.sum().float()


def segment_contrast(
    embedding: Tensor,
    group: Tensor,
    view: Tensor,
    valid: Tensor,
    temperature: float,
    blocks: str = "all",
    recording: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Equations 3 and 4 over this rank's segments, against the segments of all ranks.

    Args:
        embedding: `[N, D]` of this rank's segments.
        group: int64 `[N]`; segments of equal group are positives.
        view: int64 `[N]`, which view of its window a segment is.
        valid: boolean `[N]`; segments that are all padding are neither anchor nor candidate.
        temperature: divides the cosines.
        blocks: "all" for the paper's form, "two" for the public code's.
        recording: int64 `[N]`; segments of equal recording are never negatives. None: only positives are not.

    Returns:
        Sum over ordered positive pairs (over pairs of first and second view for "two"), and their number.
    """
    candidates, positive, allowed = gathered_pairs(embedding, group, valid, recording)
    if blocks == "all":
        return pair_losses(embedding, candidates, positive, allowed, temperature)
    views = gather(view)[0]
    total, pairs = embedding.new_zeros((), dtype=torch.float32), 0
    for own, other in ((0, 1), (1, 0)):
        block = allowed & (view == own).unsqueeze(1) & (views == other)
        losses, pairs = pair_losses(embedding, candidates, positive, block, temperature)
        total = total + 0.5 * losses
    return total, pairs


@dataclass
class CMSCConfig(PositivesConfig):
    """Settings of `cmsc`."""

    global_temperature: float = field(default=0.1, metadata={"help": "temperature of the global objective"})
    blocks: BLOCKS = field(
        default="all",
        metadata={
            "help": "all: every segment against all others (paper); two: first against second views (public code)"
        },
    )


def cmsc_outcome(cfg, outputs: dict, sample: dict) -> Outcome:
    """The global objective's loss from a model's `embedding` and `valid`, and the ids of a sample."""
    total, pairs = segment_contrast(
        outputs["embedding"],
        sample["groups"][str(cfg.positives)],
        sample["view"],
        outputs["valid"],
        cfg.global_temperature,
        str(cfg.blocks),
        sample["groups"]["recording"],
    )
    return Outcome({"global": Loss(total, pairs)}, {}, outputs)


@register_criterion("cmsc", dataclass=CMSCConfig)
class CMSCCriterion(ECGCriterion):
    """Contrast between segments of recordings."""

    def outcome(self, model, sample) -> Outcome:
        """See `cmsc_outcome`."""
        return cmsc_outcome(self.cfg, model(**sample["net_input"]), sample)
