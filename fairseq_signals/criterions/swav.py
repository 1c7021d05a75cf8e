"""Swapped prediction: the code of one crop is to be told from another crop of the same window.

Source: Caron et al. 2020 (https://arxiv.org/abs/2006.09882), equations 1 and 2; multi-crop, section 3.2: the first two
crops give codes, each of which all other crops predict.

Differs: a crop that is all padding gives no code and predicts none.
"""

from dataclasses import dataclass, field

import torch
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome
from fairseq_signals.criterions.spread import spread
from fairseq_signals.modules.sinkhorn import sinkhorn


def swapped_prediction(scores: Tensor, codes: Tensor, valid: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Sum over (code crop, other crop, window) of the cross-entropy of code and assignment, and the number of them.

    Args:
        scores: cosines of features and prototypes `[V, B, K]`.
        codes: `[A, B, K]` of the first A crops, each row a distribution; no gradient flows into them.
        valid: boolean `[V, B]`, crops that are no padding.
        temperature: divides the cosines.

    Raises:
        ValueError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature of swapped prediction must be positive, got {temperature}")
    assigned = (scores.float() / temperature).log_softmax(dim=2)
    losses = -torch.einsum("abk,vbk->avb", codes.detach().float(), assigned)
    first, crops = len(codes), len(scores)
    other = torch.arange(first, device=scores.device).unsqueeze(1) != torch.arange(crops, device=scores.device)
    counted = other.unsqueeze(2) & valid[:first].unsqueeze(1) & valid  # [A, V, B]
    return losses.masked_fill(~counted, 0.0).sum(), counted.sum().float()


@dataclass
class SwAVConfig(FairseqDataclass):
    """Settings of `swav`."""

    swav_temperature: float = field(default=0.1, metadata={"help": "divides the cosines of features and prototypes"})
    sinkhorn_epsilon: float = field(default=0.05, metadata={"help": "smoothness of the codes; small makes them hard"})
    sinkhorn_iterations: int = field(default=3, metadata={"help": "iterations that share the prototypes out equally"})


@register_criterion("swav", dataclass=SwAVConfig)
class SwAVCriterion(ECGCriterion):
    """SwAV's loss, and the spread of the features, which tells of a collapse."""

    def outcome(self, model, sample) -> Outcome:
        """The loss from the scores of a model's crops and of its queue."""
        outputs = model(**sample["net_input"])
        scores, queued = outputs["scores"], outputs["queued_scores"]
        valid = outputs["valid"].unflatten(0, scores.shape[:2])
        codes = torch.stack(
            [self._codes(scores[n], queued[n], valid[n], outputs["queued"]) for n in range(len(queued))]
        )
        total, number = swapped_prediction(scores, codes, valid, self.cfg.swav_temperature)
        return Outcome(
            {"swav": Loss(total, number)}, {"spread": spread(outputs["features"], outputs["valid"])}, outputs
        )

    def _codes(self, scores: Tensor, queued_scores: Tensor, valid: Tensor, queued: Tensor) -> Tensor:
        together, counted = torch.cat([queued_scores, scores.detach()]), torch.cat([queued, valid])
        codes = sinkhorn(together, self.cfg.sinkhorn_epsilon, self.cfg.sinkhorn_iterations, counted)
        return codes[len(queued_scores) :]
