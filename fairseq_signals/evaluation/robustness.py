"""How well models diagnose recordings with noise on them: macro AUC by level of noise.

Conventions:
    Labels and known are boolean `[N, C]`, see `evaluation.auc`; scores come from `evaluation.noisy_scores`. A level's
    SNR is the mean of its recordings' SNRs in dB; `snr_db_pooled` is that of the powers summed up over recordings.

Source: Mehari and Strodthoff 2022, section 3.4 and Fig. 6, macro AUC over the 71 labels of PTB-XL's test fold.

Differs: the score is also given over the labels with at least so many positives, since the AUC of a label with a
handful of them moves with every draw of the noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from fairseq_signals.evaluation.arrays import boolean_table, known_table, same_shape
from fairseq_signals.evaluation.auc import mean_of_defined, per_class_auc
from fairseq_signals.evaluation.intervals import mean_deviation
from fairseq_signals.evaluation.noisy_scores import NoisyScores
from fairseq_signals.evaluation.report import write_table


@dataclass(frozen=True)
class LevelScore:
    """A model's score at a level, over the labels with at least `min_positives` known positives.

    Attributes:
        model: its name.
        level: of noise, 0 without.
        snr_db, snr_db_pooled: see above, dB; infinite at level 0.
        min_positives, n_labels: how many positives a label needs, and how many labels have them and a negative.
        n_recordings: all that were scored.
        macro_auc, deviation: mean and standard deviation (n - 1) over the runs; NaN where there is none.
        runs: macro AUC of each run.
    """

    model: str
    level: int
    snr_db: float
    snr_db_pooled: float
    min_positives: int
    n_labels: int
    n_recordings: int
    macro_auc: float
    deviation: float
    runs: tuple[float, ...]


def robustness(labels, known, noisy_scores: NoisyScores, positives: Sequence[int] = (1,)) -> list[LevelScore]:
    """A score for each model, level and number of positives, in this order.

    Args:
        labels: boolean `[N, C]`.
        known: boolean `[N, C]`, or None where everything is known.
        noisy_scores: from `noisy_scores.score_with_noise`.
        positives: how many known positives a label needs to count, from 1 on.

    Raises:
        ValueError: tables of different shapes, or a number of positives below 1.
    """
    labels = boolean_table(labels, "labels")
    known = known_table(known, labels.shape)
    if not positives or min(positives) < 1:
        raise ValueError(f"positives that a label needs must be 1 or more, got {list(positives)}")
    count = (labels & known).sum(axis=0)
    snr = {level: noisy_scores.snr_db(level) for level in noisy_scores.noise_power}
    rows = []
    for (model, level), runs in noisy_scores.scores.items():
        for scores in runs:
            same_shape(scores, labels.shape, f"scores of {model}")
        areas = np.stack([per_class_auc(labels, scores, known) for scores in runs])  # [runs, C]
        for enough in positives:
            chosen = areas[:, count >= enough]
            means = [float(mean_of_defined(run)) for run in chosen]
            n_labels = int((~np.isnan(chosen[0])).sum())
            score = *mean_deviation(means), tuple(means)
            rows.append(LevelScore(model, level, *snr[level], enough, n_labels, len(labels), *score))
    return rows


def write_robustness(path: str | Path, rows: Sequence[LevelScore]) -> None:
    """Writes one line per score, tab-separated; the runs' scores stand in one cell, separated by commas."""
    header = [field.name for field in fields(LevelScore)]
    write_table(path, header, ([_cell(getattr(row, name)) for name in header] for row in rows))


def _cell(value) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_cell, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
