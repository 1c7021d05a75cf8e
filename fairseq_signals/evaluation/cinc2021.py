"""The score of the PhysioNet/Computing in Cardiology Challenge 2021.

A wrong diagnosis that would be treated alike earns part of the credit of the right one. Reyna et al. 2021,
"Will Two Do? Varying Dimensions in Electrocardiography", https://physionet.org/content/challenge-2021/; the
definition and the weights are those of https://github.com/physionetchallenges/evaluation-2021 (table
`cinc2021_weights.tsv`).

Conventions:
    A class is a SNOMED CT code, or two codes joined by "|" that the challenge scores as one. Tables are
    boolean `[N, C]`, one row per recording, columns in the order of `CLASSES`. A score of 1 is perfect; 0 is
    what answering "sinus rhythm" to every recording earns; negative is worse than that.

Metrics:
    `challenge_score`: the challenge's normalised score.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fairseq_signals.evaluation.arrays import boolean_table, known_table, same_shape


def _read_weights(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader((line for line in file if not line.startswith("#")), delimiter="\t"))[1:]
    weights = np.array([row[2:] for row in rows], dtype=np.float64)
    weights.setflags(write=False)
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows), weights


CLASSES, SHORT_NAMES, WEIGHTS = _read_weights(Path(__file__).with_name("cinc2021_weights.tsv"))
"""The classes in the challenge's order, their abbreviations, and the credit `[26, 26]` (label, decision)."""

SINUS_RHYTHM = CLASSES.index("426783006")

_INDEX = {code: index for index, name in enumerate(CLASSES) for code in (name, *name.split("|"))}


def class_index(code: str) -> int:
    """Position in `CLASSES` of a SNOMED CT code, be it a merged class or one of its members.

    Raises:
        ValueError: the challenge does not score this code.
    """
    if str(code) not in _INDEX:
        raise ValueError(f"class must be one of the 26 that the CinC 2021 challenge scores, got {code!r}")
    return _INDEX[str(code)]


def merge_codes(codes: Sequence[str]) -> tuple[str, ...]:
    """The codes with members replaced by their merged class, each once, in the order of first appearance.

    Codes outside the challenge's classes stay as they are.
    """
    return tuple(dict.fromkeys(CLASSES[_INDEX[code]] if code in _INDEX else code for code in codes))


def is_scored(classes: Sequence[str]) -> bool:
    """Whether every one of these classes is among the challenge's, so that `expand` needs to drop nothing."""
    return all(str(name) in _INDEX for name in classes)


def expand(labels, classes: Sequence[str], drop_others: bool = False) -> np.ndarray:
    """Boolean `[N, 26]` with the known classes in their places and False in the rest.

    Columns that are members of one merged class are joined: the class applies where any member does, as in
    the challenge. A score over a subset of the classes is not comparable with the challenge's own results.

    Args:
        labels: boolean `[N, C]`, labels or decisions.
        classes: C codes, the names of the columns.
        drop_others: leave columns out that the challenge does not score, instead of refusing them.

    Raises:
        ValueError: the number of classes is not that of the columns, a class appears twice, or is not the
            challenge's and `drop_others` is False.
    """
    labels = boolean_table(labels, "labels")
    if len(classes) != labels.shape[1] or len(set(classes)) != len(classes):
        raise ValueError(
            f"classes must be {labels.shape[1]} different names, one for each column, got {list(classes)!r}"
        )
    expanded = np.zeros((len(labels), len(CLASSES)), dtype=bool)
    for column, name in enumerate(classes):
        if not drop_others or str(name) in _INDEX:
            expanded[:, class_index(name)] |= labels[:, column]
    return expanded


def challenge_score(labels, decisions, known=None) -> float:
    """The challenge's score: 1 for deciding as labelled, 0 for answering sinus rhythm always.

    Every pair of a label j and a decision k of one recording earns `WEIGHTS[j, k]` divided by the number of
    classes that are labelled, decided or both. The sum over recordings is scaled so that the right answers
    score 1 and sinus rhythm everywhere scores 0. Where labels are empty or sinus rhythm throughout, these two
    are the same and the score is defined as 0.

    Args:
        labels: boolean `[N, 26]`, columns in the order of `CLASSES`.
        decisions: boolean `[N, 26]`.
        known: boolean `[N, 26]` or None; an unknown cell counts as absent in labels and decisions alike.

    Raises:
        ValueError: a table is not boolean `[N, 26]`.

    Differs: from the official program only where cells are unknown, which the challenge does not have.
    """
    labels, decisions = boolean_table(labels, "labels"), boolean_table(decisions, "decisions")
    same_shape(decisions, labels.shape, "decisions")
    if labels.shape[1] != len(CLASSES):
        raise ValueError(
            f"labels must have the challenge's {len(CLASSES)} classes as columns (use `expand` for a subset), "
            f"got {labels.shape[1]}"
        )
    known = known_table(known, labels.shape)
    labels, decisions = labels & known, decisions & known
    inactive = np.zeros_like(labels)
    inactive[:, SINUS_RHYTHM] = True
    lowest, highest = _credit(labels, inactive), _credit(labels, labels)
    return (_credit(labels, decisions) - lowest) / (highest - lowest) if highest != lowest else 0.0


def _credit(labels: np.ndarray, decisions: np.ndarray) -> float:
    touched = np.maximum((labels | decisions).sum(axis=1, keepdims=True), 1)  # [N, 1]
    pairs = (labels / touched).T @ decisions.astype(np.float64)  # [26, 26]
    return float((WEIGHTS * pairs).sum())
