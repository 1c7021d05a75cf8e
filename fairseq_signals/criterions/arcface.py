"""Additive angular margin: an embedding must be nearer to its own identity's weight by a margin of angle.

Source: Deng et al. 2019 (https://arxiv.org/abs/1801.07698); Oh et al. 2022, section 4, with scale s = 192 and margin
m = 1.0 (radians).

Differs: the formula is taken as the paper prints it, also where angle plus margin exceeds π. The sine's gradient,
infinite at cosine ±1, is cut there.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome

NO_IDENTITY = -1


def arcface_logits(cosines: Tensor, identity: Tensor, scale: float, margin: float) -> Tensor:
    """`s cos θ_j`, and `s cos(θ_y + m)` for each row's own identity y.

    Args:
        cosines: float32 `[B, C]`.
        identity: int64 `[B]`.
        scale: s.
        margin: m, radians.
    """
    cosine = cosines.gather(1, identity.unsqueeze(1))
    sine = (1.0 - cosine.square()).clamp(min=1e-6).sqrt()  # below the bound the gradient is zero, not infinite
    moved = cosine * math.cos(margin) - sine * math.sin(margin)
    return scale * cosines.scatter(1, identity.unsqueeze(1), moved)


@dataclass
class ArcFaceConfig(FairseqDataclass):
    """Settings of `arcface`."""

    arcface_scale: float = field(default=192.0, metadata={"help": "scale s of the cosines"})
    arcface_margin: float = field(default=1.0, metadata={"help": "margin m, added to the angle, in radians"})


@register_criterion("arcface", dataclass=ArcFaceConfig)
class ArcFaceCriterion(ECGCriterion):
    """Classification of identities with an angular margin; recordings without a known identity have no loss."""

    def outcome(self, model, sample) -> Outcome:
        """The mean over windows with an identity of the training set; in evaluation there are none."""
        outputs = model(**sample["net_input"])
        cosines, identity = outputs["cosines"], sample["identity"]
        known = identity != NO_IDENTITY
        if cosines is None:
            none = outputs["embedding"].new_zeros((), dtype=torch.float32)
            return Outcome({"arcface": Loss(none, 0)}, {"identity_accuracy": (none, 0)}, outputs)
        target = identity.clamp(min=0)
        logits = arcface_logits(cosines, target, self.cfg.arcface_scale, self.cfg.arcface_margin)
        losses = F.cross_entropy(logits, target, reduction="none")
        right = (cosines.argmax(dim=1) == target) & known
        count = known.sum().float()
        return Outcome(
            {"arcface": Loss((losses * known).sum(), count)},
            {"identity_accuracy": (right.sum().float(), count)},
            outputs,
        )
