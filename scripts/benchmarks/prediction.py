"""The loss of contrastive predictive coding, all predictions at once and by a plain loop over frames and steps."""

from collections.abc import Sequence

import fairseq  # noqa: F401  (before the plug-in, as under fairseq's commands)
import torch
from torch import Tensor

from benchmarks.table import Scale, Table, fastest
from fairseq_signals.criterions.cpc import future_contrast_in_parts
from fairseq_signals.modules.negatives import draw_candidates

DRAW_FRAMES = 25  # neighbours that share a draw, as in `ecg_cpc`


def loop(given: Sequence[Tensor], frames: range) -> Tensor:
    """Sum of the losses of the predictions from `frames`, one frame and one step after the other, all windows at once.

    Args:
        given: context `[B, F, H]`, targets `[B, F, D]`, predictors `[S, D, H]`, candidates `[B, G, K + 1]`, of windows
            without padding, the first prediction one frame ahead.
        frames: those whose predictions are scored.
    """
    context, targets, predictors, candidates = given
    window, total = torch.arange(len(context)).unsqueeze(1), context.new_zeros(())
    group = -(-context.shape[1] // candidates.shape[1])
    for frame in frames:
        for step, predictor in enumerate(predictors, start=1):
            aim = frame + step
            if aim >= context.shape[1]:
                break
            drawn = candidates[:, frame // group]  # [B, K + 1]
            out = drawn == aim
            out[:, -1:] |= ~out.any(dim=1, keepdim=True)
            negatives = drawn[~out].view(len(drawn), -1)
            rows = targets[window, torch.cat([torch.full_like(window, aim), negatives], dim=1)]  # [B, K + 1, D]
            scores = (rows @ (context[:, frame] @ predictor.T).unsqueeze(2)).squeeze(2)
            total = total - scores.log_softmax(dim=1)[:, 0].sum()
    return total


def measure_prediction(table: Table, scale: Scale):
    """Seconds of the loss and its gradients; the loop takes a part of the frames, evenly spread, which is scaled up."""
    given, every = _inputs(scale), scale.prediction_every
    windows, frames = given[0].shape[:2]
    counts = torch.full((windows,), frames)

    def run(total: Tensor):
        for tensor in given[:3]:
            tensor.grad = None
        total.backward()

    seconds = fastest(
        {
            "loop": lambda: run(loop(given, range(0, frames, every))),
            "at once": lambda: run(future_contrast_in_parts(*given, counts, 1)[0]),
        },
        max(1, scale.rounds // 10),
        "CPC loss",
    )
    where = "CPC loss"
    table.add(f"{where}: windows of {frames} frames, {len(given[2])} steps", windows, "windows")
    share = len(range(0, frames, every)) / frames
    table.add(f"{where}: plain loop over frames and steps", seconds["loop"] / share, "s")
    table.add(
        f"{where}: all predictions at once", seconds["at once"], "s", f"{where}: plain loop over frames and steps"
    )


def _inputs(scale: Scale) -> list[Tensor]:
    windows, frames, steps, negatives, width = scale.prediction
    generator = torch.Generator().manual_seed(1)
    context = torch.randn(windows, frames, width, generator=generator)
    targets = torch.randn(windows, frames, width, generator=generator).relu()
    predictors = torch.randn(steps, width, width, generator=generator) / width
    counts, draws = torch.full((windows,), frames), -(-frames // DRAW_FRAMES)
    candidates = draw_candidates(counts, frames, draws, negatives + 1, generator)
    return [*(tensor.requires_grad_() for tensor in (context, targets, predictors)), candidates]
