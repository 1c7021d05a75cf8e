"""All scores of one outcome that is there or not, such as LV systolic dysfunction, with their intervals.

Conventions: labels and known are boolean `[N]`, scores probabilities `[N]`. What is not known counts nowhere. A score
that cannot be had is NaN, and a note says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairseq_signals.evaluation.auc import macro_average_precision
from fairseq_signals.evaluation.bootstrap import Interval, macro_interval
from fairseq_signals.evaluation.calibration import Calibration, calibration
from fairseq_signals.evaluation.decisions import Decisions, score_decisions
from fairseq_signals.evaluation.delong import auc_interval


@dataclass(frozen=True)
class BinaryScores:
    """How well a model tells one outcome on one set of recordings.

    Attributes:
        n_recordings: all.
        n_known: those whose outcome is known; all else is of these alone.
        n_cases: those with the outcome.
        prevalence: share of the cases.
        auroc: area under the ROC curve with its interval (DeLong's, or of resampled patients).
        auprc: step-wise area under precision over recall.
        threshold: from which a recording is called a case.
        decisions: what that is worth.
        calibration: of the probabilities.
        notes: what is missing, and why.
    """

    n_recordings: int
    n_known: int
    n_cases: int
    prevalence: float
    auroc: Interval
    auprc: float
    threshold: float
    decisions: Decisions
    calibration: Calibration
    notes: tuple[str, ...] = ()


def score_binary(
    labels: np.ndarray,
    known: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    patients: Sequence[str] | None = None,
    n_resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> BinaryScores:
    """The scores of a model's probabilities.

    Args:
        labels: boolean `[N]`.
        known: boolean `[N]`.
        scores: probabilities `[N]`.
        threshold: from which a recording is called a case.
        patients: N patient ids, to draw patients for the interval of the AUROC; None takes DeLong's, which takes
            recordings for independent.
        n_resamples: how often patients are drawn.
        seed: of the draws.
        level: of all intervals, between 0 and 1.

    Raises:
        ValueError: arrays that do not fit each other, or no known outcome.
    """
    if not labels.shape == known.shape == scores.shape == (len(labels),) or not known.any():
        raise ValueError(
            f"outcomes must be of one length and known of at least one recording, got labels {labels.shape}, scores "
            f"{scores.shape}, {int(known.sum())} known"
        )
    label, score = labels[known], scores[known]
    both = bool(label.any() and not label.all())
    if patients is None or not both:
        auroc = auc_interval(label, score, level)
    else:
        units = [patient for patient, sure in zip(patients, known.tolist(), strict=True) if sure]
        drawn = macro_interval(
            label[:, None], score[:, None], None, units, n_resamples=n_resamples, seed=seed, level=level
        )
        # Widened for few cases, the interval may reach beyond what an area can be.
        auroc = Interval(drawn.point, max(drawn.lower, 0.0), min(drawn.upper, 1.0))
    return BinaryScores(
        n_recordings=len(labels),
        n_known=len(label),
        n_cases=int(label.sum()),
        prevalence=float(label.mean()),
        auroc=auroc,
        auprc=macro_average_precision(label[:, None], score[:, None]),
        threshold=float(threshold),
        decisions=score_decisions(label, score >= threshold, level),
        calibration=(measured := calibration(label, score)),
        notes=tuple(_notes(label, score, measured, len(labels), auroc)),
    )


def _notes(
    label: np.ndarray, score: np.ndarray, measured: Calibration, n_recordings: int, auroc: Interval
) -> list[str]:
    notes = []
    if len(score) > 1 and (score == score[0]).all():
        notes.append(f"ALL SCORES ARE EQUAL ({score[0]:.4g}): the model tells nothing here")
    if len(label) < n_recordings:
        notes.append(f"outcome unknown of {n_recordings - len(label)} of {n_recordings} recordings, which do not count")
    if label.all() or not label.any():
        notes.append(f"no {'controls' if label.all() else 'cases'}: no AUROC and no recalibration")
    elif min(label.sum(), (~label).sum()) == 1:
        notes.append("a single case or control: no interval of the AUROC")
    elif np.isnan(auroc.lower):
        notes.append("all cases, or all controls, are of one patient: no interval of the AUROC")
    elif np.isnan(measured.slope):
        notes.append("no calibration slope: the scores part cases and controls, or are all one")
    return notes
