"""Gallery and probe: pairs of recordings of one person, to ask whether a model recognises the person again.

A pair is two rows of the same patient, one in each list, each cut to a stretch of a few seconds. The choices are
keyed by (seed, patient) and do not depend on the order of the rows.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from fairseq_signals.data.keys import keyed_seed
from fairseq_signals.data.row import Row


def gallery_probe(rows: Iterable[Row], seconds: float = 5.0, seed: int = 1) -> tuple[list[Row], list[Row]]:
    """Two recordings of each patient who has two or more, each with a random crop.

    Args:
        rows: recordings; those shorter than `seconds` are left out, and copies (column `waveform`) of another.
        seconds: length of the crops.
        seed: another seed draws other recordings and crops.

    Returns:
        The gallery and the probe, sorted by patient: row n of both is the same patient.

    Source: Oh et al. 2022, "Lead-agnostic Self-supervised Learning for Local and Global Representations of
    Electrocardiogram", https://arxiv.org/abs/2203.06889, section 4.1.
    """
    by_patient: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.length >= _samples(row, seconds):
            by_patient[row.patient].append(row)
    gallery, probe = [], []
    for patient in sorted(by_patient):
        recordings = _different(by_patient[patient])
        if len(recordings) > 1:
            generator = np.random.default_rng(keyed_seed(seed, "pair", patient))
            first, second = (recordings[i] for i in generator.choice(len(recordings), 2, replace=False))
            gallery.append(_random_crop(first, seconds, generator))
            probe.append(_random_crop(second, seconds, generator))
    return gallery, probe


def _different(rows: list[Row]) -> list[Row]:
    """The recordings by id, of those with the same waveform only the first: to recognise a copy proves nothing."""
    first: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.id):
        first.setdefault(row.extra.get("waveform") or row.id, row)
    return list(first.values())


def halves(rows: Iterable[Row], seconds: float = 5.0) -> tuple[list[Row], list[Row]]:
    """The first and the last `seconds` of one recording per patient: a stand-in where nobody has two recordings.

    It is easier than two recordings, because electrodes, posture and heart rate are the same; it can choose between
    checkpoints, not tell how well people are recognised.

    Args:
        rows: recordings; of each patient the first by id is taken, those shorter than two crops are left out.
        seconds: length of the crops.

    Returns:
        The gallery and the probe, sorted by patient.
    """
    first_of: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.id):
        if row.length >= 2 * _samples(row, seconds):
            first_of.setdefault(row.patient, row)
    chosen = [first_of[patient] for patient in sorted(first_of)]
    gallery = [replace(row, length=_samples(row, seconds)) for row in chosen]
    ends = [row.start + row.length for row in chosen]
    probe = [replace(row, start=end - row.length) for row, end in zip(gallery, ends, strict=True)]
    return gallery, probe


def without_patients_of(rows: Iterable[Row], *others: Iterable[Row]) -> list[Row]:
    """The rows whose patient has no recording among the others."""
    gone = {row.patient for other in others for row in other}
    return [row for row in rows if row.patient not in gone]


def _samples(row: Row, seconds: float) -> int:
    return round(seconds * row.rate)


def _random_crop(row: Row, seconds: float, generator: np.random.Generator) -> Row:
    length = _samples(row, seconds)
    return replace(row, start=row.start + int(generator.integers(row.length - length + 1)), length=length)
