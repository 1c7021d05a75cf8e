"""Binary cross-entropy over classes that may apply together; unknown labels are no part of the loss."""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome
from fairseq_signals.data.dataset import UNKNOWN


def masked_binary_cross_entropy(
    logits: Tensor, labels: Tensor, positive_weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Sum over the known cells, and their number.

    Args:
        logits: `[B, C]`.
        labels: uint8 `[B, C]`: 0, 1, or 2 for unknown.
        positive_weight: `[C]`, factor on the loss of positives.
    """
    known = labels != UNKNOWN
    target = (labels == 1).float()
    losses = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none", pos_weight=positive_weight)
    return losses.masked_fill(~known, 0.0).sum(), known.sum().float()


@dataclass
class MultilabelConfig(FairseqDataclass):
    """Settings of `multilabel`."""

    positive_weights: Any = field(
        default=None,
        metadata={"help": "factor on the loss of positives: one number, or (yaml) a mapping from class code to number"},
    )


@register_criterion("multilabel", dataclass=MultilabelConfig)
class MultilabelCriterion(ECGCriterion):
    """Every class on its own, the mean over all known cells."""

    def __init__(self, cfg, task):
        super().__init__(cfg, task)
        self.weights = _weights(cfg.positive_weights, task.classes)

    def outcome(self, model, sample) -> Outcome:
        """The mean over windows and classes whose label is known."""
        outputs = model(**sample["net_input"])
        logits = outputs["logits"]
        weight = None if self.weights is None else torch.tensor(self.weights, device=logits.device)
        total, count = masked_binary_cross_entropy(logits, sample["labels"], weight)
        return Outcome({"bce": Loss(total, count)}, {}, outputs)


def _weights(spec: Any, classes: list[str]) -> list[float] | None:
    if spec is None:
        return None
    if isinstance(spec, (int, float, str)):
        return [float(spec)] * len(classes)
    spec = {str(code): float(factor) for code, factor in spec.items()}  # yaml reads a code of digits as a number
    unknown = sorted(set(spec) - set(classes))
    if unknown:
        raise ValueError(f"positive_weights must name classes among {', '.join(classes)}, got {', '.join(unknown)}")
    return [spec.get(name, 1.0) for name in classes]
