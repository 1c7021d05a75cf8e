"""Tasks with scores per recording: collected over a whole subset, computed once, written where asked.

fairseq averages what each batch logs, which is right for losses and wrong for scores, and it hands ranks duplicate
batches or none. So outputs are kept by (recording, window); the number of new windows travels with the logs, which
all ranks see alike, and when every window has come all ranks score together. Under `fairseq-validate`, where the task
comes from a checkpoint, an incomplete subset is an error.
"""

import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.logging import metrics as fairseq_metrics

from fairseq_signals.evaluation.aggregate import aggregate_windows, complete_windows
from fairseq_signals.evaluation.report import write_metrics
from fairseq_signals.models.ecg_model import encoder_leads, refuse_other_leads
from fairseq_signals.modules.gather import rank
from fairseq_signals.tasks.ecg_task import ECGTask
from fairseq_signals.tasks.evaluation_outputs import EvaluationOutputs

logger = logging.getLogger(__name__)
_NEW = "new_windows"


class ScoredTask(ECGTask):
    """Base of the tasks that judge a model."""

    def __init__(self, cfg, from_checkpoint=False):
        super().__init__(cfg, from_checkpoint)
        self._subset = ""
        self._reset()

    def _reset(self):
        self._outputs: dict[str, EvaluationOutputs] = defaultdict(EvaluationOutputs)
        self._arrived: dict[str, int] = defaultdict(int)
        self._totals: dict[str, dict[str, float]] = defaultdict(dict)

    def outputs(self, outcome) -> torch.Tensor:
        """What is kept of each window, `[B, C]`, and averaged over a recording."""
        raise TypeError(f"{type(self).__name__} must define outputs")

    def score(self, subset: str, values: np.ndarray) -> dict[str, Any]:
        """Scores by name from the recordings' mean outputs `[N, C]`; plain numbers among them are logged."""
        raise TypeError(f"{type(self).__name__} must define score")

    def score_windows(self, subset: str, values: np.ndarray, recordings: np.ndarray) -> dict[str, Any]:
        """More scores by name from the windows' own outputs, none unless a task has them.

        Args:
            subset: what is scored.
            values: float `[M, C]`, the outputs of every window of the subset once, padded windows included.
            recordings: int `[M]`, the place of each window's recording.
        """
        return {}

    def write(self, folder: Path, subset: str, values: np.ndarray):
        """Writes one line per recording into `folder`."""
        raise TypeError(f"{type(self).__name__} must define write")

    def state_dict(self) -> dict[str, Any]:
        """The leads of the encoder beside the units of the data, for the checkpoint."""
        return {**super().state_dict(), "encoder_leads": list(encoder_leads(self.cfg))}

    def load_state_dict(self, state_dict: dict[str, Any]):
        """Compares units and leads with the checkpoint's.

        Raises:
            ValueError: other leads are asked for than those that the checkpoint's encoder was built for.
        """
        super().load_state_dict(state_dict)
        now = encoder_leads(self.cfg)
        refuse_other_leads(state_dict.get("encoder_leads", now), now, "the checkpoint to evaluate")

    def begin_valid_epoch(self, epoch, model):
        """Forgets what an earlier validation collected."""
        self._reset()

    def valid_step(self, sample, model, criterion):
        """Loss and logs of a batch, its outputs kept."""
        self._subset = sample["subset"]
        loss, size, logs, outcome = self.evaluate(sample, model, criterion)
        # Of an empty batch nothing is kept but the width of the outputs, which gathering wants from every rank.
        kept = slice(0) if sample["empty"] else slice(None)
        rows, windows, values = sample["recording"], sample["window"], self.outputs(outcome)
        logs[_NEW] = self._outputs[self._subset].add(rows[kept], windows[kept], values[kept])
        return loss, size, self._running_total(logs) if self.from_checkpoint else logs

    def _running_total(self, logs: dict[str, Any]) -> dict[str, float]:
        # fairseq-validate sends every batch's logs through a buffer of 16 kB. One dictionary that adds them up is
        # sent once, however often it stands in the list.
        total = self._totals[self._subset]
        for name, value in logs.items():
            total[name] = total.get(name, 0.0) + float(value)
        return total

    def reduce_metrics(self, logging_outputs, criterion):
        """Logs the means of the losses and, once every window of a subset has come, its scores."""
        logging_outputs = list({id(log): log for log in logging_outputs}.values())
        super().reduce_metrics(logging_outputs, criterion)
        if not any(_NEW in log for log in logging_outputs):
            return
        subset = self._subset
        self._arrived[subset] += int(sum(float(log.get(_NEW, 0)) for log in logging_outputs))
        if self.from_checkpoint or self._arrived[subset] == len(self.datasets[subset]):
            self._finish(subset)

    def _finish(self, subset: str):
        rows, windows, values = self._outputs.pop(subset).gathered()
        self._arrived.pop(subset)
        self._totals.pop(subset, None)
        every = rows, windows, self.datasets[subset].windows.window_counts, self.names(subset)
        of_windows, once = values, complete_windows(*every)
        values = aggregate_windows(of_windows, *every)
        scores = {**self.score(subset, values), **self.score_windows(subset, of_windows[once], rows[once])}
        for name, value in scores.items():
            if isinstance(value, float):
                fairseq_metrics.log_scalar(name, value, round=4)
        if self.from_checkpoint and self.cfg.results_path and rank() == 0:
            folder = Path(self.cfg.results_path)
            folder.mkdir(parents=True, exist_ok=True)
            known = {"subset": subset, "data": str(self.cfg.data), "leads": list(self.leads)}
            write_metrics(folder / f"metrics_{subset}.json", {**known, **scores})
            self.write(folder, subset, values)
            logger.info("scores and predictions of %d recordings written to %s", len(values), folder)

    def names(self, subset: str) -> list[str]:
        """Ids of a subset's recordings, in the order of their places."""
        return self.datasets[subset].windows.table.ids
