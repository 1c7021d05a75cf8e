"""What models say of recordings with noise on them, and how loud the noise was.

Conventions:
    A model is anything that gives scores `[N, C]` for N recordings; several under one name are its runs. The
    signal-to-noise ratio (SNR) takes the recording as it is for the signal, over all its leads and samples, and so is
    an upper bound: the recording has noise of its own.

Source: Mehari and Strodthoff 2022, section 3.4. Neither the paper nor its code says how SNRs are averaged over a test
set: `NoisyScores.snr_db` gives both ways.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.record import Record
from fairseq_signals.data.stored_record import record_of_row
from fairseq_signals.evaluation.arrays import finite_table
from fairseq_signals.evaluation.auc import mean_of_defined
from fairseq_signals.evaluation.noise_levels import LEVELS, decibels, noise_of, noisy, power

Model = Callable[[list[Record]], np.ndarray]
"""Scores `[N, C]` of N recordings."""

RECORDINGS_AT_ONCE = 128


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
        """Mean of the recordings' SNRs, and the SNR of their powers summed up, which the loudest few decide; dB.

        Recordings without a signal have no SNR and no part in the mean.
        """
        pairs = zip(self.signal_power, self.noise_power[level], strict=True)
        each = np.array([decibels(*pair) for pair in pairs])
        return mean_of_defined(each), decibels(self.signal_power.sum(), self.noise_power[level].sum())


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
        ValueError: no recording, model or level, a level twice or unknown; scores that are missing or not finite.
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


def _checked(scores, number: int, name: str) -> np.ndarray:
    scores = finite_table(scores, f"scores of {name}")
    if len(scores) != number:
        raise ValueError(f"scores of {name} must be one row for each of {number} recordings, got {len(scores)}")
    return scores
