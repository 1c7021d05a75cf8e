"""From probabilities to decisions: a threshold given, or fitted on a validation set.

Conventions:
    Scores are probabilities, float `[N, C]` between 0 and 1; a class is decided where its score reaches the
    threshold (>=). A threshold is one number for all classes or one per class, `[C]`. Nothing here is random.
    Of thresholds that do equally well the one nearest to 0.5 is taken, and of two equally near the lower one,
    so that a validation set that cannot tell leaves 0.5.

Objectives:
    `cinc_score`: the challenge's score over the classes at hand (the default where all of them are scored by
    it). `macro_f1`: mean F1 (the default elsewhere).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table, same_shape
from fairseq_signals.evaluation.cinc2021 import WEIGHTS, challenge_score, class_index, expand, is_scored
from fairseq_signals.evaluation.f1 import macro_f1

# Even steps of log odds from 0.0009 to 0.9991: rare classes need low thresholds. 0.5 is one.
CANDIDATES = 1 / (1 + np.exp(-np.arange(-70, 71) / 10))

# Sums of floats that differ by less are the same score, added in another order.
_SAME = 1e-9

_MOST_SWEEPS = 20

Objective = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def decide(scores, threshold) -> np.ndarray:
    """Boolean `[N, C]`: where the score reaches the threshold.

    Args:
        scores: float `[N, C]`, probabilities.
        threshold: one number, or one per class `[C]`.

    Raises:
        ValueError: scores that are no probabilities, a threshold that is not finite or of another length than
        C.
    """
    scores = _probabilities(scores)
    threshold = np.asarray(threshold, dtype=np.float64)
    if threshold.shape not in ((), (scores.shape[1],)) or not np.isfinite(threshold).all():
        raise ValueError(
            f"threshold must be one finite number or {scores.shape[1]} (one per class), got {threshold.tolist()}"
        )
    return scores >= threshold


def default_objective(classes: Sequence[str]) -> str:
    """`cinc_score` where the challenge scores every one of the classes, else `macro_f1`."""
    return "cinc_score" if is_scored(classes) else "macro_f1"


def fit_threshold(
    labels, scores, classes: Sequence[str], objective: str | Objective | None = None, known=None
) -> float:
    """The candidate that is best for all classes together, out of 141 between 0.0009 and 0.9991.

    Args:
        labels: boolean `[N, C]`.
        scores: float `[N, C]`, probabilities.
        classes: C codes, the names of the columns.
        objective: its name, or a function of labels, decisions and known (boolean `[N, C]`) to be maximised; None
            takes the default. Where it is NaN for every candidate the threshold is 0.5.
        known: boolean `[N, C]` or None.

    Raises:
        ValueError: tables that do not fit each other, scores that are no probabilities, an unknown objective.
    """
    labels, scores, known = _checked(labels, scores, known)
    measure = _measure(default_objective(classes) if objective is None else objective, classes)
    values = np.array([measure(labels, scores >= threshold, known) for threshold in CANDIDATES])
    return _best(values, CANDIDATES)


def fit_class_thresholds(
    labels, scores, classes: Sequence[str], objective: str | None = None, known=None
) -> np.ndarray:
    """A threshold for every class, float64 `[C]`, chosen among all cuts between the class's scores.

    For `macro_f1` the classes are independent and each gets its best cut; a class without a known positive
    keeps 0.5. For `cinc_score`, where a decision also changes what the others earn, all classes start from the
    best common threshold and one after another gets its best cut with the others held, until nothing changes
    (at most 20 rounds): never worse than the common one, which a class without a known positive keeps.

    Arguments and errors as in `fit_threshold`, but the objective must be one of the two names.
    """
    labels, scores, known = _checked(labels, scores, known)
    objective = default_objective(classes) if objective is None else objective
    if objective == "macro_f1":
        columns = zip(labels.T, scores.T, known.T, strict=True)
        return np.array([_best_f1_cut(*column) for column in columns])
    if objective == "cinc_score":
        return _climb(labels, scores, known, classes)
    raise ValueError(f"objective for thresholds per class must be cinc_score or macro_f1, got {objective!r}")


def _measure(objective: str | Objective, classes: Sequence[str]) -> Objective:
    if callable(objective):
        return objective
    if objective == "macro_f1":
        return macro_f1
    if objective == "cinc_score":
        return lambda labels, decisions, known: challenge_score(
            expand(labels & known, classes), expand(decisions & known, classes)
        )
    raise ValueError(f"objective must be cinc_score, macro_f1 or a function, got {objective!r}")


def _best_f1_cut(labels: np.ndarray, scores: np.ndarray, known: np.ndarray) -> float:
    labels, scores = labels[known], scores[known]
    if not labels.any():
        return 0.5
    order, counts, cuts = _cuts(scores)
    hits = np.concatenate([[0], np.cumsum(labels[order])])[counts]
    return _best(2 * hits / (labels.sum() + counts), cuts)


def _climb(labels, scores, known, classes) -> np.ndarray:
    thresholds = np.full(len(classes), fit_threshold(labels, scores, classes, "cinc_score", known))
    positive = (labels & known).any(axis=0)
    cuts = [_cuts(scores[known[:, column], column]) if positive[column] else None for column in range(len(classes))]
    decided = (scores >= thresholds) & known
    for _ in range(_MOST_SWEEPS):
        before = thresholds.copy()
        for column, gains in _gains(labels & known, decided, classes):
            if cuts[column] is None:
                continue
            order, counts, values = cuts[column]
            totals = np.concatenate([[0], np.cumsum(gains[known[:, column]][order])])[counts]
            thresholds[column] = _best(totals, values)
            decided[:, column] = (scores[:, column] >= thresholds[column]) & known[:, column]
        if (thresholds == before).all():
            break
    return thresholds


def _gains(labels, decided, classes) -> Iterator[tuple[int, np.ndarray]]:
    """Per class in turn, what deciding it adds to each recording's credit; reads `decided` as it stands."""
    truth = expand(labels, classes)  # [N, 26]
    credit = truth @ WEIGHTS  # [N, 26], what each decision earns before the division
    for column, name in enumerate(classes):
        target = class_index(name)
        others = decided.copy()
        others[:, column] = False
        others = expand(others, classes)
        touched = (truth | others).sum(axis=1)
        earned = (credit * others).sum(axis=1)
        more = (earned + credit[:, target]) / np.maximum(touched + ~truth[:, target], 1)
        gains = more - earned / np.maximum(touched, 1)
        # Another member of a merged class that is decided already leaves nothing to add.
        yield column, np.where(others[:, target], 0.0, gains)


def _cuts(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order of falling scores, the numbers of recordings that a cut can decide, and a threshold for each."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    above = np.nextafter(1.0, 2.0) if ordered[0] == 1 else 1.0
    upper, lower = np.concatenate([[above], ordered]), np.concatenate([ordered, [0.0]])
    middle = (upper + lower) / 2
    middle = np.where(middle > lower, middle, upper)
    middle = np.where((lower < 0.5) & (upper >= 0.5), 0.5, middle)
    valid = np.concatenate([ordered[:1] < above, ordered[1:] < ordered[:-1], [True]])
    return order, np.flatnonzero(valid), middle[valid]


def _best(values: np.ndarray, thresholds: np.ndarray) -> float:
    if np.isnan(values).all():
        return 0.5
    best = thresholds[values >= np.nanmax(values) - _SAME]
    distance = np.abs(best - 0.5)
    return float(best[distance <= distance.min() + 1e-15].min())


def _checked(labels, scores, known) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores = boolean_table(labels, "labels"), _probabilities(scores)
    same_shape(scores, labels.shape, "scores")
    return labels, scores, known_table(known, labels.shape)


def _probabilities(scores) -> np.ndarray:
    scores = finite_table(scores, "scores")
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            f"scores must be probabilities between 0 and 1 to be compared with a threshold, "
            f"got {scores.min():g} to {scores.max():g}"
        )
    return scores
