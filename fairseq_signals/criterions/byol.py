"""Prediction of the other view: the distance on the sphere between a prediction and its target.

Source: Grill et al. 2020 (https://arxiv.org/abs/2006.07733), equation 2, and its symmetric form over both views.

Differs: a window whose view is all padding has no loss.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome
from fairseq_signals.criterions.spread import spread


def prediction_distance(prediction: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Sum over the counted rows of `2 - 2 cos`, the squared distance of the normalised vectors; float32 scalar.

    Args:
        prediction: `[N, D]`.
        target: `[N, D]`, into which no gradient flows.
        counted: boolean `[N]`.
    """
    cosine = F.cosine_similarity(prediction.float(), target.detach().float(), dim=1)
    return (2 - 2 * cosine).masked_fill(~counted, 0.0).sum()


def byol_loss(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over windows of the distances in both directions, and the number of windows.

    Args:
        prediction: `[2 * N, D]`: the first views of all windows, then their second views.
        target: the same of the copy.
        valid: boolean `[2 * N]`; a window counts where both its views are valid.
    """
    both = valid.chunk(2)[0] & valid.chunk(2)[1]
    (first, second), (of_first, of_second) = prediction.chunk(2), target.chunk(2)
    total = prediction_distance(first, of_second, both) + prediction_distance(second, of_first, both)
    return total, both.sum().float()


@dataclass
class BYOLConfig(FairseqDataclass):
    """`byol` has no settings."""


@register_criterion("byol", dataclass=BYOLConfig)
class BYOLCriterion(ECGCriterion):
    """BYOL's loss, and the spread of the projections, which tells of a collapse."""

    def outcome(self, model, sample) -> Outcome:
        """The loss from a model's `prediction`, `target` and `valid`.

        Raises:
            ValueError: windows do not come as two views.
        """
        views = int(sample["view"].max()) + 1
        if views != 2:
            raise ValueError(f"views of byol must be two of each window (task.views=augment), got {views}")
        outputs = model(**sample["net_input"])
        total, windows = byol_loss(outputs["prediction"], outputs["target"], outputs["valid"])
        logs = {"spread": spread(outputs["projection"], outputs["valid"])}
        return Outcome({"byol": Loss(total, windows)}, logs, outputs)
