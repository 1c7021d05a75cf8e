"""The local objective: a masked frame's context must find its own quantized frame among others of its window.

Source: Oh et al. 2022, equations 1 and 2; Baevski et al. 2020 for the diversity term and the feature penalty
(weights 0.1 and 10), temperature 0.1 and 100 negatives.

Differs: a negative that carries the same codes as the target *is* the target and leaves the denominator, as in
fairseq; the equations call the candidates a set.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome
from fairseq_signals.modules.gather import sum_over_ranks, sum_over_ranks_with_gradient
from fairseq_signals.modules.quantizer import perplexity


def masked_contrast(
    context: Tensor,
    targets: Tensor,
    codes: Tensor,
    chosen: Tensor,
    negatives: Tensor | None,
    temperature: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Equation 1 over all chosen frames.

    Args:
        context: `[B, F, D]`, projected.
        targets: `[B, F, D]`, quantized and projected.
        codes: int64 `[B, F, G]` of the targets.
        chosen: boolean `[B, F]`, frames whose target is to be found.
        negatives: int64 `[B, F, K]`, frames of the same window; None takes all other chosen ones.
        temperature: divides the cosines.

    Returns:
        The sum of the losses, the number of frames (those with at least one other chosen frame in their window), and
        how many of them rank their target first; float32 scalars.
    """
    similarity = F.normalize(context.float(), dim=2) @ F.normalize(targets.float(), dim=2).transpose(1, 2)
    similarity = similarity / temperature  # [B, F, F]
    positive = similarity.diagonal(dim1=1, dim2=2).unsqueeze(2)  # [B, F, 1]
    same = (codes.unsqueeze(2) == codes.unsqueeze(1)).all(dim=3)  # [B, F, F], the diagonal included
    if negatives is None:
        others = similarity.masked_fill(same | ~chosen.unsqueeze(1), -torch.inf)
    else:
        others = similarity.gather(2, negatives).masked_fill(same.gather(2, negatives), -torch.inf)
    logits = torch.cat([positive, others], dim=2)
    counted = chosen & (chosen.sum(dim=1, keepdim=True) > 1)
    # Rows that do not count may hold anything; their gradient must be zero, not NaN.
    logits = logits.masked_fill(~counted.unsqueeze(2), 0.0)
    loss = torch.logsumexp(logits, dim=2) - logits[..., 0]
    best = logits[..., 1:].amax(dim=2)
    first = (logits[..., 0] > best) & best.isfinite()  # to stand first among nobody is no success
    return (loss * counted).sum(), counted.sum().float(), (first & counted).sum().float()


def diversity(probability_sum: Tensor, count: Tensor) -> Tensor:
    """How unequally codes are used, 0 (all equally) to nearly 1 (one only).

    Args:
        probability_sum: sum over frames of the code probabilities, `[G, V]`, over all ranks.
        count: number of these frames.
    """
    return 1.0 - perplexity(probability_sum / count.clamp(min=1)) / probability_sum.numel()


@dataclass
class W2VConfig(FairseqDataclass):
    """Settings of `w2v`."""

    local_temperature: float = field(default=0.1, metadata={"help": "temperature of the local objective"})
    diversity_weight: float = field(default=0.1, metadata={"help": "weight of the quantizer's diversity term"})
    penalty_weight: float = field(default=10.0, metadata={"help": "weight of the mean square of the local frames"})


def w2v_outcome(cfg, outputs: dict, windows: int) -> Outcome:
    """The local objective's losses and logs from the outputs of `ecg_wav2vec2` for `windows` windows."""
    total, count, first = masked_contrast(
        outputs["context"],
        outputs["targets"],
        outputs["codes"],
        outputs["chosen"],
        outputs["negatives"],
        cfg.local_temperature,
    )
    frames = sum_over_ranks(outputs["code_count"])
    spread = diversity(sum_over_ranks_with_gradient(outputs["probability_sum"]), frames)
    used = perplexity(sum_over_ranks(outputs["code_counts"]) / frames.clamp(min=1))
    losses = {
        "local": Loss(total, count),
        # Every rank holds the term of the whole batch; each takes the share of its windows.
        "diversity": Loss(spread * windows, windows, cfg.diversity_weight),
        "penalty": Loss(outputs["penalty_sum"], outputs["penalty_count"], cfg.penalty_weight),
    }
    logs = {
        "local_accuracy": (first, count),
        "code_perplexity": (used * windows, windows),
        "code_temperature": (outputs["code_temperature"] * windows, windows),
    }
    return Outcome(losses, logs, outputs)


@register_criterion("w2v", dataclass=W2VConfig)
class W2VCriterion(ECGCriterion):
    """Masked frames against quantized frames of their window."""

    def outcome(self, model, sample) -> Outcome:
        """See `w2v_outcome`."""
        return w2v_outcome(self.cfg, model(**sample["net_input"]), sample["counted"])
