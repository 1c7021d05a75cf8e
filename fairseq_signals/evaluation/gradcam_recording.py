"""Grad-CAM of a whole recording by a trained model: its windows' pictures put together as its probability is."""

import difflib
from dataclasses import dataclass

import numpy as np
import torch

from fairseq_signals.data.in_memory import batches_of_records
from fairseq_signals.data.number_rules import is_rule, parse_rule
from fairseq_signals.data.record import Record
from fairseq_signals.data.resample import resample_record
from fairseq_signals.data.units import MILLIVOLTS
from fairseq_signals.data.windows import tile_starts
from fairseq_signals.evaluation.gradcam import grad_cam

BATCH = 32
"""Windows at a time."""


@dataclass(frozen=True)
class Activation:
    """What speaks for a class in a recording, or against it.

    Attributes:
        name: of the class.
        heat: float32 `[L, T]`, one row per lead of `record`, 0 or more, in units of the class's logit.
        record: the recording at the model's rate.
        probability: of the class, the mean over the recording's windows.
        truth: what the recording's labels say of the class.
        against: whether it is what speaks against the class.
        remark: what is to be said of the recording beside that, such as other units than the training's.
    """

    name: str
    heat: np.ndarray
    record: Record
    probability: float
    truth: str
    against: bool = False
    remark: str = ""


def activation_of(
    model, record: Record, name: str, against: bool = False, units: str | None = MILLIVOLTS
) -> Activation:
    """Grad-CAM of a class over a recording, the mean where windows overlap.

    Args:
        model: an `inference.TrainedModel` with classes.
        record: any recording with leads of the model.
        name: of one of the model's classes.
        against: what lowers its logit rather than what raises it, as the other of two classes would have it.
        units: of the recording, see `data.units`.

    Raises:
        ValueError: the model does not diagnose, or not this class, or the recording has not its leads.
    """
    place = class_place(model, name)
    record.require_leads(model.leads, model.drop_leads)
    record = resample_record(record, model.rate) if record.rate != model.rate else record
    window, stride = (round(seconds * model.rate) for seconds in (model.window_seconds, model.stride_seconds))
    starts = tile_starts(record.signal.shape[1], window, stride)
    heat, count = np.zeros_like(record.signal), np.zeros(record.signal.shape[1], np.float32)
    probabilities = []
    for batch in batches_of_records([record], model.rate, window, stride, BATCH):
        leads, of_windows, probability = _of_batch(model, batch, place, against)
        probabilities += probability.tolist()
        for number, length, values in zip(batch["window"].tolist(), batch["lengths"].tolist(), of_windows, strict=True):
            covered = slice(starts[number], starts[number] + length)
            count[covered] += 1
            for row, lead in enumerate(record.leads):
                if lead in leads:
                    heat[row, covered] += values[leads.index(lead), :length]
    truth = truth_of(record, name, model.definitions)
    misfit = model.misfit(units)
    remark = misfit.text if misfit else ""
    return Activation(name, heat / np.maximum(count, 1), record, float(np.mean(probabilities)), truth, against, remark)


def class_place(model, name: str) -> int:
    """The place of a class among the model's.

    Raises:
        ValueError: it has none, or none of this name.
    """
    model.require_classes()
    if name not in model.classes:
        close = difflib.get_close_matches(name, model.classes, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"class must be one of {', '.join(model.classes)}, got {name!r}{hint} ({model.checkpoint})")
    return model.classes.index(name)


def truth_of(record: Record, name: str, definitions: "list[str]") -> str:
    """What a recording's labels say of a class: that it applies, does not, or is unknown; of a rule, its number."""
    rules = [parse_rule(text) for text in definitions if is_rule(text)]
    rule = next((rule for rule in rules if rule.name == name), None)
    if rule is not None:
        return f"{rule.column} {record.meta.get(rule.column) or 'unknown'}"
    if name in record.labels:
        return "applies"
    unknown = record.meta.get("unlabelled") or name in record.meta.get("unknown", ())
    return "unknown" if unknown or "unlabelled" not in record.meta else "does not apply"


def _of_batch(model, batch, place: int, against: bool) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names of the leads, Grad-CAM `[B, L, T]` and probabilities `[B]`."""
    windows = model.prepared(batch)

    def logit(embedding: torch.Tensor) -> torch.Tensor:
        return model.head(embedding)[:, place]

    def score(embedding: torch.Tensor) -> torch.Tensor:
        return -logit(embedding) if against else logit(embedding)

    heat = grad_cam(model.encoder, score, windows.signal, windows.lengths, windows.present)
    with torch.no_grad():
        probability = logit(model.encoder(windows.signal, windows.lengths, windows.present)).sigmoid()
    return windows.leads, heat.cpu().numpy(), probability.cpu().numpy()
