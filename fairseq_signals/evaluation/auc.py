"""Areas under the ROC and the precision-recall curve, per class and averaged over the classes.

Conventions:
    Labels are boolean `[N, C]`, scores float `[N, C]`: one row per recording, one column per class, higher
    means more likely; any finite scale does. `known` (boolean `[N, C]`) takes a cell out of its class where
    it is False. A class needs both labels among its known recordings; one that lacks them has no area (NaN)
    and is left out of the average. Where no class is left the average is NaN.

Metrics:
    `macro_auc`, `per_class_auc`: area under the receiver operating characteristic.
    `macro_average_precision`, `per_class_average_precision`: step-wise area under precision over recall.
"""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table, same_shape


def per_class_auc(labels, scores, known=None) -> np.ndarray:
    """Area under the ROC curve of each class, float64 `[C]`, as scikit-learn's `roc_auc_score` has it.

    Args:
        labels: boolean `[N, C]`.
        scores: float `[N, C]`.
        known: boolean `[N, C]` or None.

    Raises:
        ValueError: shapes that differ, labels that are not boolean, scores that are not finite.
    """
    return _per_class(roc_auc_score, labels, scores, known)


def per_class_average_precision(labels, scores, known=None) -> np.ndarray:
    """Average precision of each class, float64 `[C]`, as scikit-learn's `average_precision_score` has it.

    Arguments and errors are those of `per_class_auc`.
    """
    return _per_class(average_precision_score, labels, scores, known)


def macro_auc(labels, scores, known=None) -> float:
    """Mean area under the ROC curve over the classes that have both labels; NaN where none has.

    Arguments and errors are those of `per_class_auc`.
    """
    return mean_of_defined(per_class_auc(labels, scores, known))


def macro_average_precision(labels, scores, known=None) -> float:
    """Mean average precision over the classes that have both labels; NaN where none has.

    Arguments and errors are those of `per_class_auc`.
    """
    return mean_of_defined(per_class_average_precision(labels, scores, known))


def mean_of_defined(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN where there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _per_class(area: Callable, labels, scores, known) -> np.ndarray:
    labels, scores = boolean_table(labels, "labels"), finite_table(scores, "scores")
    same_shape(scores, labels.shape, "scores")
    known = known_table(known, labels.shape)
    areas = np.full(labels.shape[1], np.nan)
    for column in range(labels.shape[1]):
        rows = known[:, column]
        truth = labels[rows, column]
        if truth.any() and not truth.all():
            areas[column] = area(truth, scores[rows, column])
    return areas
