"""Contrast between augmented views: a segment must find the segments it belongs with among all of the batch.

Source: Chen et al. 2020 (SimCLR, https://arxiv.org/abs/2002.05709), equation 1, where the positive is the other view
of a window. Where an anchor has several positives (`positives=recording` or `patient`), the form of Khosla et al. 2020
(https://arxiv.org/abs/2004.11362), equation 2, L_out: the mean over an anchor's positives, then the mean over anchors;
3KG (Gopal et al. 2021, https://arxiv.org/abs/2106.04452) is that with all segments of a patient as positives.
The embeddings are a projection head's outputs where the model has one, as in all three papers.

Differs: segments of one recording that are no positives of each other (its other windows) are no negatives either,
because telling them apart would teach against what the windows share; SimCLR takes all others of the batch as
negatives, which is `nt_xent_negatives=all`. In 3KG the question does not arise: a patient's segments are positives.
An anchor without any positive has no loss. The temperature's default is that of 3KG and of Oh et al.'s public code.
"""

from dataclasses import dataclass, field

from fairseq.criterions import register_criterion
from fairseq.dataclass import ChoiceEnum
from torch import Tensor

from fairseq_signals.criterions.contrast import PositivesConfig, gathered_pairs, negative_log_softmax
from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome

_APART = {"other_recordings": "recording", "other_patients": "patient", "all": None}
NEGATIVES = ChoiceEnum(list(_APART))


def nt_xent(
    embedding: Tensor,
    group: Tensor,
    valid: Tensor,
    temperature: float,
    apart: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum over this rank's anchors of the mean over their positives of −log softmax, and the number of anchors.

    Args:
        embedding: `[N, D]` of this rank's segments.
        group: int64 `[N]`; segments of equal group are positives.
        valid: boolean `[N]`; segments that are all padding are neither anchor nor candidate.
        temperature: divides the cosines.
        apart: int64 `[N]`; segments of equal number are never negatives. None: only positives are not.

    Returns:
        float32 scalars; anchors without a positive count in neither.
    """
    pairs = gathered_pairs(embedding, group, valid, apart)
    losses = negative_log_softmax(embedding, pairs.candidates, pairs.allowed, temperature)
    positives = pairs.positive.sum(dim=1)
    of_anchors = losses.masked_fill(~pairs.positive, 0.0).sum(dim=1) / positives.clamp(min=1)
    return of_anchors.sum(), (positives > 0).sum().float()


@dataclass
class NTXentConfig(PositivesConfig):
    """Settings of `nt_xent`."""

    nt_xent_temperature: float = field(default=0.1, metadata={"help": "divides the cosines between segments"})
    nt_xent_negatives: NEGATIVES = field(
        default="other_recordings",
        metadata={
            "help": "negatives of a segment are all segments that are no positives and come from other recordings, "
            "from other patients, or (SimCLR's form) from anywhere"
        },
    )


@register_criterion("nt_xent", dataclass=NTXentConfig)
class NTXentCriterion(ECGCriterion):
    """Normalised temperature-scaled cross-entropy between views: SimCLR, 3KG."""

    def outcome(self, model, sample) -> Outcome:
        """The loss from a model's `embedding` and `valid`, and the ids of a sample."""
        outputs, groups = model(**sample["net_input"]), sample["groups"]
        apart = _APART[str(self.cfg.nt_xent_negatives)]
        total, anchors = nt_xent(
            outputs["embedding"],
            groups[str(self.cfg.positives)],
            outputs["valid"],
            self.cfg.nt_xent_temperature,
            None if apart is None else groups[apart],
        )
        return Outcome({"nt_xent": Loss(total, anchors)}, {}, outputs)
