"""How well models diagnose recordings with noise on them: macro AUC by level of noise.

Conventions:
    A model is anything that gives scores `[N, C]` for N recordings; several under one name are its runs. Labels and
    known are boolean `[N, C]`, see `evaluation.auc`. The signal-to-noise ratio (SNR) takes the recording as it is for
    the signal, over all its leads and samples, and so is an upper bound: the recording has noise of its own. A level's
    SNR is the mean of its recordings' SNRs in dB; `snr_db_pooled` is the ratio of the powers summed up over
    recordings, which the loudest few decide. Recordings without a signal have no SNR and are left out of the mean, not
    of the score.

Source: Mehari and Strodthoff 2022, section 3.4 and Fig. 6, macro AUC over the 71 labels of PTB-XL's test fold.

Differs: neither the paper nor its code says how SNRs are averaged. The score is also given over the labels with at
least so many positives, since the AUC of a label with a handful of them moves with every draw of the noise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.record import Record
from fairseq_signals.data.stored_record import record_of_row
from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table, same_shape
from fairseq_signals.evaluation.auc import mean_of_defined, per_class_auc
from fairseq_signals.evaluation.noise_levels import LEVELS, decibels, noise_of, noisy, power
from fairseq_signals.evaluation.report import write_table

Model = Callable[[list[Record]], np.ndarray]
"""Scores `[N, C]` of N recordings."""

RECORDINGS_AT_ONCE = 256


@dataclass(frozen=True)
class NoisyScores:
    """What models said of a data set's recordings at some levels of noise.

    Attributes:
        scores: by model's name and level, one float `[N, C]` for each of its runs.
        signal_power, noise_power: mean squares of each recording and, by level, of its noise, mV², float64 `[N]`.
    """

    scores: Mapping[tuple[str, int], Sequence[np.ndarray]]
    signal_power: np.ndarray
    noise_power: Mapping[int, np.ndarray]

    def snr_db(self, level: int) -> tuple[float, float]:
        """Mean of the recordings' SNRs, and the SNR of their powers summed up, dB."""
        pairs = zip(self.signal_power, self.noise_power[level], strict=True)
        each = np.array([decibels(*pair) for pair in pairs])
        return mean_of_defined(each), decibels(self.signal_power.sum(), self.noise_power[level].sum())


@dataclass(frozen=True)
class LevelScore:
    """A model's score at a level, over the labels with at least `min_positives` known positives.

    Attributes:
        model: its name.
        level: of noise, 0 without.
        snr_db, snr_db_pooled: see above; infinite at level 0.
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


def score_with_noise(
    manifest: Manifest,
    models: Mapping[str, Sequence[Model]],
    levels: Sequence[int] = (0, *LEVELS),
    seed: int = 1,
    progress: bool = False,
) -> NoisyScores:
    """Scores of every recording of a manifest by every run of every model at every level.

    Args:
        manifest: of the recordings.
        models: runs by the model's name.
        levels: of noise, `noise_levels.LEVELS` and 0.
        seed: of the noise, see `noise_levels.noise_of`.
        progress: show a progress bar.

    Raises:
        ValueError: no recording, model or level, or a level or name twice; a score that is missing.
        ValueError, FileNotFoundError: a recording is not as its row tells.
    """
    if not len(manifest) or not models or not all(models.values()) or not levels or len(set(levels)) != len(levels):
        raise ValueError(
            f"robustness must be of at least one recording, a run of each model, and different levels, got "
            f"{len(manifest)} recordings ({manifest.path}), runs {[len(runs) for runs in models.values()]}, levels "
            f"{list(levels)}"
        )
    parts = {(name, level): [[] for _ in runs] for name, runs in models.items() for level in levels}
    signal, noise = [], {level: [] for level in levels}
    with tqdm(total=len(manifest) * len(levels), unit="recording", disable=not progress) as bar:
        for start in range(0, len(manifest), RECORDINGS_AT_ONCE):
            places = range(start, min(start + RECORDINGS_AT_ONCE, len(manifest)))
            records = [record_of_row(manifest, manifest[place]) for place in places]
            signal += [power(record.signal) for record in records]
            for level in levels:
                added = [noise_of(record, level, seed) for record in records]
                noise[level] += map(power, added)
                changed = list(map(noisy, records, added))
                for name, runs in models.items():
                    for part, run in zip(parts[name, level], runs, strict=True):
                        part.append(_checked(run(changed), len(changed), name))
                bar.update(len(records))
    scores = {key: [np.concatenate(part) for part in runs] for key, runs in parts.items()}
    return NoisyScores(scores, np.array(signal), {level: np.array(powers) for level, powers in noise.items()})


def robustness(labels, known, noisy_scores: NoisyScores, positives: Sequence[int] = (1,)) -> list[LevelScore]:
    """A score for each model, level and number of positives, in this order.

    Args:
        labels: boolean `[N, C]`.
        known: boolean `[N, C]`, or None where everything is known.
        noisy_scores: from `score_with_noise`.
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
            means = np.array([mean_of_defined(run) for run in chosen])
            deviation = means.std(ddof=1) if len(means) > 1 else np.nan
            n_labels = int((~np.isnan(chosen[0])).sum())
            score = float(means.mean()), float(deviation), tuple(means.tolist())
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


def _checked(scores, number: int, name: str) -> np.ndarray:
    scores = finite_table(scores, f"scores of {name}")
    if len(scores) != number:
        raise ValueError(f"scores of {name} must be one row for each of {number} recordings, got {len(scores)}")
    return scores
