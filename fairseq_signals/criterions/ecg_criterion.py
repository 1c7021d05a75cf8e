"""Losses by name: the base of all criterions weighs, adds, normalises and logs them.

A criterion gives each loss as a sum and the count it is a mean over (masked frames, positive pairs, windows).
Counts differ between losses, so each is normalised by its own count over all ranks, and the total is multiplied by
the number of windows, which is the sample size: fairseq adds gradients over ranks and micro-batches and divides by
the added sample sizes, and what comes out is `sum_k weight_k * mean_k` over the whole batch, on however many
processes. Micro-batches (`update_freq`) are batches of their own, whose totals are averaged by their windows.
"""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from fairseq.criterions import FairseqCriterion
from fairseq.logging import metrics
from torch import Tensor

from fairseq_signals.modules.gather import sum_over_ranks


class Loss(NamedTuple):
    """One named loss of a batch on this rank.

    Attributes:
        sum: float32 scalar with gradients, summed over what it is a mean over.
        count: how many that are, a scalar tensor or a number.
        weight: its factor in the total.
    """

    sum: Tensor
    count: "Tensor | float"
    weight: float = 1.0


@dataclass
class Outcome:
    """What a criterion finds in one batch.

    Attributes:
        losses: by name.
        logs: further means to log, (sum, count) by name, without gradients.
        outputs: the model's named outputs.
    """

    losses: dict[str, Loss]
    logs: dict[str, "tuple[Tensor | float, Tensor | float]"] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


class ECGCriterion(FairseqCriterion):
    """Base of all criterions; owns no parameters, because `fairseq-validate` would not restore them."""

    def __init__(self, cfg, task):
        super().__init__(task)
        self.cfg = cfg

    @classmethod
    def build_criterion(cls, cfg, task):
        """The criterion; fairseq calls this."""
        return cls(cfg, task)

    def outcome(self, model, sample: dict[str, Any]) -> Outcome:
        """Runs the model on `sample["net_input"]` and gives the losses by name."""
        raise TypeError(f"{type(self).__name__} must define outcome")

    def forward(self, model, sample, reduce=True):
        """Total loss, sample size (windows on this rank) and logs, as fairseq wants them."""
        return self.compute(model, sample)[:3]

    def compute(self, model, sample) -> tuple[Tensor, int, dict[str, Any], Outcome]:
        """The same, and the outcome, from which tasks take the model's outputs."""
        outcome = self.outcome(model, sample)
        windows = sample["counted"]
        device = sample["net_input"]["signal"].device
        counts = [loss.count for loss in outcome.losses.values()] + [windows]
        everywhere = sum_over_ranks(torch.stack([torch.as_tensor(n, device=device).float() for n in counts]))
        total = sum(
            loss.weight * loss.sum * (everywhere[-1] / everywhere[place].clamp(min=1))
            for place, loss in enumerate(outcome.losses.values())
        )
        return total, windows, self._logs(outcome, windows), outcome

    def _logs(self, outcome: Outcome, windows: int) -> dict[str, Any]:
        logs = {"nsentences": windows, "ntokens": windows, "sample_size": windows, "batches": 1}
        for name, loss in outcome.losses.items():
            logs |= {f"sum_{name}": loss.sum.detach(), f"count_{name}": loss.count, f"weight_{name}": loss.weight}
        for name, (total, count) in outcome.logs.items():
            logs |= {f"sum_{name}": total, f"count_{name}": count}
        return logs

    @classmethod
    def reduce_metrics(cls, logging_outputs) -> None:
        """Logs every named mean over ranks and micro-batches, and `loss`, their weighted sum."""
        logs = _added(logging_outputs)
        total, counted = 0.0, False
        for name in [key.removeprefix("sum_") for key in logs if key.startswith("sum_")]:
            count = logs[f"count_{name}"]
            if not count:
                continue
            mean = logs[f"sum_{name}"] / count
            metrics.log_scalar(name, mean, count, round=4)
            if f"weight_{name}" in logs:
                total += logs[f"weight_{name}"] / logs["batches"] * mean
                counted = True
        # A batch without anything to count (gallery and probe patients have no class, recordings no labels) has no
        # loss, and weighs nothing in the mean over batches, which it would make NaN.
        windows = logs.get("nsentences", 0) if counted else 0
        metrics.log_scalar("loss", total if counted else math.nan, windows, round=4)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """Every log is a sum over windows, batches or ranks, so fairseq may add them on the device."""
        return True


def _added(logging_outputs: list[dict[str, Any]]) -> dict[str, float]:
    """Sum of the logs by name; one transfer from the device, not one per number."""
    logs = [log for log in logging_outputs if log]
    names = list(dict.fromkeys(name for log in logs for name in log))
    if not names:
        return {}
    device = next((value.device for log in logs for value in log.values() if torch.is_tensor(value)), "cpu")
    table = [[torch.as_tensor(log.get(name, 0), device=device).double() for name in names] for log in logs]
    return dict(zip(names, torch.stack([torch.stack(row) for row in table]).sum(dim=0).tolist(), strict=True))
