"""Contrast with a queue: a query must find the key of its own window among the keys of windows seen before.

Source: He et al. 2020 (https://arxiv.org/abs/1911.05722), equation 1, temperature 0.07; the second version (Chen et al.
2020, https://arxiv.org/abs/2003.04297) has 0.2. Nakamoto et al. 2022 do not say theirs.

Differs: rows of the queue that hold no key yet are no negatives, and an update before which there were none, the first,
has no loss. Windows that are all padding in one of their views have none either. In validation a query is told from the
keys of the other recordings of its batch, all by the copy as it is. Against the queue the loss is lowest while that
fills and while the copy still moves fast, which makes older keys easy to tell: the weights of the first epochs would
be taken for the best.
"""

from dataclasses import dataclass, field

import torch
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome
from fairseq_signals.criterions.spread import spread
from fairseq_signals.modules.gather import gather


def queue_contrast(
    query: Tensor,
    key: Tensor,
    queued: Tensor,
    filled: Tensor,
    valid: Tensor,
    temperature: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Equation 1 over this rank's queries; every rank holds the whole queue, so that nothing has to be gathered.

    Args:
        query: `[B, D]`, of unit length.
        key: `[B, D]`, of unit length, row for row the queries' positives; no gradient flows into them.
        queued: `[Q, D]`, of unit length, the negatives of all queries; no gradient flows into them.
        filled: boolean `[Q]`, rows of the queue that hold a key; or `[B, Q]`, those that are negatives of each query.
        valid: boolean `[B]`, windows that count.
        temperature: divides the cosines.

    Returns:
        The sum of the losses, the number of queries, and how many of them have their own key nearer than all others;
        float32 scalars.

    Raises:
        ValueError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature of a contrast must be positive, got {temperature}")
    query, key, queued = query.float(), key.detach().float(), queued.detach().float()
    positive = (query * key).sum(dim=1, keepdim=True)  # [B, 1]
    negative = (query @ queued.T).masked_fill(~filled, -torch.inf)  # [B, Q]
    losses = -(torch.cat([positive, negative], dim=1) / temperature).log_softmax(dim=1)[:, 0]
    counted = valid & filled.any(dim=-1)
    first = (positive.squeeze(1) > negative.amax(dim=1)) & counted
    return losses.masked_fill(~counted, 0.0).sum(), counted.sum().float(), first.sum().float()


def keys_of_others(key: Tensor, valid: Tensor, recording: Tensor) -> tuple[Tensor, Tensor]:
    """Keys of all ranks' windows `[M, D]`, and boolean `[B, M]`: which are negatives of each window of this rank.

    Args:
        key: `[B, D]` of this rank's windows.
        valid: boolean `[B]`, windows that count.
        recording: int64 `[B]`; keys of equal recording are no negatives.
    """
    keys, everywhere = gather(key)[0], gather(valid)[0]
    return keys, everywhere & (recording.unsqueeze(1) != gather(recording)[0])


@dataclass
class MoCoConfig(FairseqDataclass):
    """Settings of `moco`."""

    moco_temperature: float = field(
        default=0.07, metadata={"help": "divides the cosines of queries and keys; 0.2 in the second version"}
    )


@register_criterion("moco", dataclass=MoCoConfig)
class MoCoCriterion(ECGCriterion):
    """MoCo's loss; how often a query finds its key, and the spread of the queries, which tells of a collapse."""

    def outcome(self, model, sample) -> Outcome:
        """The loss from the outputs of `ecg_moco`, and in validation the recordings of a sample."""
        outputs = model(**sample["net_input"])
        query, key, valid = (outputs[name] for name in ("query", "key", "valid"))
        if model.training:
            negatives = outputs["queued"], outputs["filled"]
        else:
            negatives = keys_of_others(key, valid, sample["groups"]["recording"][: len(key)])
        total, count, first = queue_contrast(query, key, *negatives, valid, self.cfg.moco_temperature)
        logs = {"moco_accuracy": (first, count), "spread": spread(outputs["query"], outputs["valid"])}
        return Outcome({"moco": Loss(total, count)}, logs, outputs)
