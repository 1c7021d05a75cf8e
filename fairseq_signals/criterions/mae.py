"""Reconstruction of hidden patches: the mean squared error of their samples.

Source: He et al. 2022 (https://arxiv.org/abs/2111.06377), section 3, "Reconstruction target": over hidden patches only.
"""

from dataclasses import dataclass

from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome


def masked_error(predicted: Tensor, targets: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over hidden patches of the mean squared error of their samples, and their number; float32 scalars.

    Args:
        predicted: `[B, F, P]`.
        targets: `[B, F, P]`, into which no gradient flows.
        masked: boolean `[B, F]`, patches that were hidden.
    """
    errors = (predicted.float() - targets.detach().float()).square().mean(dim=2)
    return errors.masked_fill(~masked, 0.0).sum(), masked.sum().float()


@dataclass
class MAEConfig(FairseqDataclass):
    """Settings of `mae`: none; what is hidden, and what a target is, are the model's."""


@register_criterion("mae", dataclass=MAEConfig)
class MAECriterion(ECGCriterion):
    """The error of the hidden patches, and that of predicting nothing, below which it has to fall."""

    def outcome(self, model, sample) -> Outcome:
        """The loss from the outputs of `ecg_mae`, and the mean square of the same targets (`mae_of_zeros`)."""
        outputs = model(**sample["net_input"])
        predicted, targets, masked = (outputs[name] for name in ("predicted", "targets", "masked"))
        total, count = masked_error(predicted, targets, masked)
        zeros, _ = masked_error(targets.new_zeros(()).expand_as(targets), targets, masked)
        return Outcome({"mae": Loss(total, count)}, {"mae_of_zeros": (zeros, count)}, outputs)
