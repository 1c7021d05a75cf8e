"""Which of several trainings kept the best checkpoint by its validation, such as those of a sweep over learning rates.

Conventions: a run is a folder with a `checkpoint_best.pt`; its score is the one that chose that checkpoint
(`checkpoint.best_checkpoint_metric`), which stands in it. Runs are told apart by the settings in which they differ.

Source: Nakamoto et al. 2022 and Sawano et al. 2022 train at three learning rates (1e-4, 3e-5, 1e-5) and take the
weights with the lowest validation loss.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.modules.checkpoint import kept_score, read_checkpoint

CHECKPOINT = "checkpoint_best.pt"
_OWN = ("checkpoint.save_dir", "checkpoint.restore_file", "job_logging_cfg", "task.save_dir", "task.restore_file")


@dataclass(frozen=True)
class Run:
    """The best checkpoint of a training.

    Attributes:
        path: of the checkpoint.
        metric, score: by which it was chosen, and what it came to, rounded as fairseq logs it.
        higher_is_better: of the metric.
        updates: how many it had.
        settings: of the training by dotted name, without those that name its own folder.
    """

    path: Path
    metric: str
    score: float
    higher_is_better: bool
    updates: int
    settings: Mapping[str, Any]


def read_runs(folder: str | Path, metric: str | None = None) -> list[Run]:
    """The runs anywhere in a folder, the best first.

    Args:
        folder: such as the `hydra.sweep.dir` of a multirun.
        metric: by which they must have been chosen; None takes the one that they were.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a checkpoint cannot be read, or keeps no score; they were chosen by different metrics, or another.
    """
    paths = sorted(Path(folder).rglob(CHECKPOINT))
    if not paths:
        raise FileNotFoundError(f"runs must be folders with a {CHECKPOINT}, got none in {folder}")
    runs = [_read(path) for path in paths]
    for run in runs:
        wanted, higher = metric or runs[0].metric, runs[0].higher_is_better
        if (run.metric, run.higher_is_better) != (wanted, higher):
            raise ValueError(
                f"runs to choose among must have kept the best checkpoint by {wanted} "
                f"(checkpoint.best_checkpoint_metric), {'the higher' if higher else 'the lower'} the better, got "
                f"{run.metric}, {'the higher' if run.higher_is_better else 'the lower'} the better ({run.path})"
            )
    return sorted(runs, key=lambda run: -run.score if run.higher_is_better else run.score)


def runs_text(runs: Sequence[Run], folder: str | Path) -> str:
    """A line per run with its score, its updates and the settings in which runs differ."""
    names = [name for name in sorted({name for run in runs for name in run.settings}) if _differ(runs, name)]
    lines = [["run", f"valid {runs[0].metric}", "updates", *names]]
    for run in runs:
        settings = [str(run.settings.get(name, "-")) for name in names]
        lines.append([str(run.path.parent.relative_to(folder)), f"{run.score:g}", str(run.updates), *settings])
    return "\n".join(aligned(lines, ["<", ">", ">"] + ["<"] * len(names)))


def _differ(runs: Sequence[Run], name: str) -> bool:
    return any(run.settings.get(name) != runs[0].settings.get(name) for run in runs)


def _read(path: Path) -> Run:
    state = read_checkpoint(path)
    chosen, best = state["cfg"].get("checkpoint") or {}, kept_score(state)
    if best is None or not math.isfinite(best) or "best_checkpoint_metric" not in chosen:
        raise ValueError(f"checkpoint must keep the finite score that chose it, got {best} ({path})")
    updates = [step.get("num_updates", 0) for step in state.get("optimizer_history") or [{}]][-1]
    higher = bool(chosen.get("maximize_best_checkpoint_metric"))
    return Run(path, str(chosen["best_checkpoint_metric"]), best, higher, int(updates), _flat(state["cfg"]))


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if not name.startswith(_OWN):
            found |= _flat(item, f"{name}.") if isinstance(item, Mapping) else {name: item}
    return found
