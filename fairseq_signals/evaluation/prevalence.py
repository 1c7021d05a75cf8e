"""How frequent classes are."""

import numpy as np

from fairseq_signals.evaluation.arrays import boolean_table, known_table


def prevalence(labels, known=None) -> np.ndarray:
    """Share of the recordings with each class among those of which it is known, float64 `[C]`; 0 where of none.

    Args:
        labels: boolean `[N, C]`.
        known: boolean `[N, C]`, or None where everything is known.
    """
    labels = boolean_table(labels, "labels")
    known = known_table(known, labels.shape)
    return (labels & known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
