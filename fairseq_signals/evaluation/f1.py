"""F1 of decisions, per class and averaged over the classes.

Conventions:
    Labels and decisions are boolean `[N, C]`. `known` (boolean `[N, C]`) takes a cell out of its class where
    it is False. A class that is neither labelled nor decided anywhere has no F1 (NaN) and is left out of the
    average, as in the CinC 2021 challenge. Where no class is left the average is NaN.

Metrics:
    `macro_f1`, `per_class_f1`: twice the true positives over labels plus decisions.
"""

import numpy as np

from fairseq_signals.evaluation.arrays import boolean_table, known_table, same_shape
from fairseq_signals.evaluation.auc import mean_of_defined


def per_class_f1(labels, decisions, known=None) -> np.ndarray:
    """F1 of each class, float64 `[C]`.

    Args:
        labels: boolean `[N, C]`.
        decisions: boolean `[N, C]`.
        known: boolean `[N, C]` or None.

    Raises:
        ValueError: shapes that differ, or tables that are not boolean.

    Differs: scikit-learn's default calls the F1 of an empty class 0; here it is NaN (its
    `zero_division=nan`).
    """
    labels, decisions = boolean_table(labels, "labels"), boolean_table(decisions, "decisions")
    same_shape(decisions, labels.shape, "decisions")
    known = known_table(known, labels.shape)
    labels, decisions = labels & known, decisions & known
    hits = 2.0 * (labels & decisions).sum(axis=0)
    total = labels.sum(axis=0) + decisions.sum(axis=0)
    return np.divide(hits, total, out=np.full(len(total), np.nan), where=total > 0)


def macro_f1(labels, decisions, known=None) -> float:
    """Mean F1 over the classes that are labelled or decided somewhere; NaN where none is.

    Arguments and errors are those of `per_class_f1`.
    """
    return mean_of_defined(per_class_f1(labels, decisions, known))
