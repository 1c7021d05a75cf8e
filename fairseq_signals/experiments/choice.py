"""Which of several trainings is the best by its validation; none is scored on a test set for it.

Source: Nakamoto et al. 2022 and Sawano et al. 2022 train with three learning rates each and keep the weights with the
lowest validation loss.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairseq_signals.experiments.defaults import setting
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.lock import JobFailed
from fairseq_signals.experiments.state import State
from fairseq_signals.modules.checkpoint import best_score


def choose(job: Job, dest: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The training whose best checkpoint validated best, and what all of them came to.

    Args:
        job: with choices.
        dest: folder of the study's trainings.
        config: of the trainings; says by which score a checkpoint is the best, and whether it is to be high.

    Returns:
        `chosen`, the name of a training; `metric`; and `scores` by name.

    Raises:
        JobFailed: one of them has not come to its end, or kept no score.
    """
    metric = setting(config, "checkpoint", "best_checkpoint_metric")
    sign = 1 if setting(config, "checkpoint", "maximize_best_checkpoint_metric") else -1
    scores = {choice.name: _best(choice, dest, metric) for choice in job.choices}
    chosen = max(scores, key=lambda name: sign * scores[name])
    return {"chosen": chosen, "metric": metric, "scores": scores}


def _best(choice: Job, dest: Path, metric: str) -> float:
    state = State(choice, dest)
    state.check()
    score = best_score(state.checkpoint) if state.trained and state.checkpoint.is_file() else None
    if score is None or not math.isfinite(score):
        raise JobFailed(
            f"{choice.name} must be trained, with a best checkpoint of known {metric}, got {score} ({state.checkpoint})"
        )
    return score
