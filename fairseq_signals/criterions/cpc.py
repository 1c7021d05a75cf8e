"""Contrastive predictive coding: a frame's prediction must find the frame to come among others of its window.

Source: Mehari & Strodthoff 2022, section 2.2.2; van den Oord et al. 2018 (https://arxiv.org/abs/1807.03748), equation
4: minus log softmax of the products of a prediction with its own frame and with 128 others.

All predictions of a group of neighbouring frames meet the group's candidates, and the frames that are to be predicted,
in one product of matrices; what is no candidate of a prediction is left out of its softmax. Beside the outputs of the
model, 32 windows of ten seconds at the paper's size (1000 frames, 12 steps, 128 negatives, 512 wide) take about 2.5 GB
in float32; larger batches are taken 32 windows at a time, and the scores of each computed anew on the way back, so
that memory does not grow with the batch.

Differs: the mean is over all predictions, where the public code adds over time, which Adam does not see.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fairseq.criterions import register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Loss, Outcome

WINDOWS_AT_ONCE = 32


def future_contrast(
    context: Tensor,
    targets: Tensor,
    predictors: Tensor,
    candidates: Tensor,
    counts: Tensor,
    first_step: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Equation 4 over all predictions of all windows.

    A window's frames form G groups of neighbours of equal size (the last may be smaller). The negatives of a prediction
    are its group's candidates without the frame that is predicted, or without the last one, where that frame is not
    among them: always K, and uniform among the other frames if the candidates are drawn uniformly.

    Args:
        context: `[B, F, H]`.
        targets: `[B, F, D]`.
        predictors: `[S, D, H]`, number `s` maps the context of frame `t` to frame `t + first_step + s`.
        candidates: int64 `[B, G, K + 1]`, distinct valid frames; -1 stands for none, in windows of fewer frames, whose
            candidates are then all they have.
        counts: int64 `[B]`, valid frames; predictions of others are not counted.
        first_step: frames from a context to the first it predicts, at least 1.

    Returns:
        The sum of the losses, the number of predictions, and how many of them rank their frame first; float32 scalars.
    """
    size, groups = context.shape[1], candidates.shape[1]
    group = -(-size // groups)  # frames in a group
    places = torch.arange(groups * group, device=context.device).view(groups, group)
    steps = first_step + torch.arange(len(predictors), device=context.device)
    aim = places.unsqueeze(2) + steps  # [G, N, S], the frame that is predicted
    near = places[:, :1] + first_step + torch.arange(group + len(predictors) - 1, device=context.device)  # [G, A]
    own = aim - near[:, :1, None]  # its place in `near`
    scores = _scores(context, targets, predictors, torch.cat([near.expand(len(context), -1, -1), candidates], dim=2))
    left_out = _left_out(aim, candidates)  # [B, G, N, S, K + 1]
    others = torch.arange(near.shape[1], device=context.device) != own.unsqueeze(3)  # [G, N, S, A]
    left_out = torch.cat([others.expand(len(context), -1, -1, -1, -1), left_out], dim=4)
    scores = scores.masked_fill_(left_out, -torch.inf)
    positive = scores.gather(4, own.expand(len(context), -1, -1, -1).unsqueeze(4)).squeeze(4)
    counted = aim < counts.view(-1, 1, 1, 1)  # [B, G, N, S]; what is predicted lies behind its context
    losses = (scores.logsumexp(dim=4) - positive).masked_fill(~counted, 0.0)
    first = (positive > scores.detach()[..., near.shape[1] :].amax(dim=4)) & counted
    return losses.sum(), counted.sum().float(), first.sum().float()


def _scores(context: Tensor, targets: Tensor, predictors: Tensor, columns: Tensor) -> Tensor:
    """Products of every prediction with the frames `columns` `[B, G, C]` of its group: float32 `[B, G, N, S, C]`."""
    (windows, size, _), (steps, width, _) = context.shape, predictors.shape
    groups = columns.shape[1]
    context = F.pad(context, (0, 0, 0, -size % groups))  # to a whole number of frames per group
    predictions = (context @ predictors.flatten(0, 1).T).view(windows, groups, -1, width)  # [B, G, N * S, D]
    begin = size * torch.arange(windows, device=columns.device).view(-1, 1, 1)
    # The gradient of a table's rows is added row by row, many times faster than that of indexing; in float32, because
    # a frame is in many rows.
    rows = F.embedding(columns.clamp(0, size - 1) + begin, targets.float().flatten(0, 1))  # [B, G, C, D]
    scores = predictions.float() @ rows.transpose(2, 3)
    return scores.view(windows, groups, -1, steps, columns.shape[2])


def _left_out(aim: Tensor, candidates: Tensor) -> Tensor:
    """Which candidates `[B, G, K + 1]` are no negatives of the predictions of frames `aim` `[G, N, S]`."""
    candidates = candidates[:, :, None, None]
    out = candidates == aim.unsqueeze(3)
    spare = ~out.any(dim=4, keepdim=True)
    out[..., -1:] |= spare
    return out | (candidates < 0)


def future_contrast_in_parts(
    context: Tensor,
    targets: Tensor,
    predictors: Tensor,
    candidates: Tensor,
    counts: Tensor,
    first_step: int,
    windows: int = WINDOWS_AT_ONCE,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same as `future_contrast`, `windows` at a time; what is not kept of them is computed anew on the way back."""
    if len(context) <= windows:
        return future_contrast(context, targets, predictors, candidates, counts, first_step)
    parts = zip(*(tensor.split(windows) for tensor in (context, targets, candidates, counts)), strict=True)
    plain = {"use_reentrant": False, "preserve_rng_state": False}  # nothing is drawn
    found = [
        checkpoint(future_contrast, some, aims, predictors, drawn, valid, first_step, **plain)
        for some, aims, drawn, valid in parts
    ]
    total, count, first = (torch.stack(values).sum() for values in zip(*found, strict=True))
    return total, count, first


@dataclass
class CPCConfig(FairseqDataclass):
    """Settings of `cpc`: none; steps and negatives are the model's."""


@register_criterion("cpc", dataclass=CPCConfig)
class CPCCriterion(ECGCriterion):
    """Predictions of later frames against other frames of their window, from the outputs of `ecg_cpc`."""

    def outcome(self, model, sample) -> Outcome:
        """The mean over all predictions, and the share of them that ranks its frame first."""
        outputs = model(**sample["net_input"])
        names = ("context", "targets", "predictors", "candidates", "counts", "first_step")
        total, count, first = future_contrast_in_parts(*(outputs[name] for name in names))
        return Outcome({"cpc": Loss(total, count)}, {"cpc_accuracy": (first, count)}, outputs)
