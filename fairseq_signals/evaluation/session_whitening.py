"""What stays the same about a person from one session to the next: a linear map fitted on pairs of training recordings.

Two vectors of one person (descriptors or embeddings of two sessions, or of two stretches of one recording that were
changed as another session would change them) differ in some directions much and in others little. Directions are
weighed by how much people differ in them beyond what sessions do: after the map the cosine follows the likelihood that
two vectors are one person's.

Conventions: vectors are float `[N, D]`; row n of `first` and of `second` is the same person. Only the cosine counts, so
every vector is scaled to length one before anything else. Fit on training recordings only.

Source: Ioffe 2006, Probabilistic linear discriminant analysis, https://doi.org/10.1007/11744085_41, reduced to the
expected person's part of a vector. With W the covariance within people and T that of everybody, W + B = T, the
generalised eigenvectors v of T v = λ W v diagonalise both: each projection has variance 1 within and λ - 1 between
people, and the best guess of a person's own value from one vector is (λ - 1) / λ of it.

Differs: the guess is weighted by the root of (λ - 1) / λ instead of itself, as the cosine multiplies two of them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from fairseq_signals.evaluation.arrays import finite_table


@dataclass(frozen=True)
class SessionWhitening:
    """A fitted map, applied by calling it.

    Attributes:
        mean: float64 `[D]`, of the unit vectors fitted on.
        projection: float64 `[D, E]`, weighted directions, the most telling first.
        ratios: float64 `[E]`, variance of everybody over that within people along each direction (λ).
    """

    mean: np.ndarray
    projection: np.ndarray
    ratios: np.ndarray

    def __call__(self, vectors) -> np.ndarray:
        """Vectors `[N, D]` as float64 `[N, E]`, to be compared by the cosine.

        Raises:
            ValueError: another width than what was fitted, vectors that are zero or not finite.
        """
        vectors = _unit(vectors, "vectors")
        if vectors.shape[1] != len(self.mean):
            raise ValueError(f"vectors must be as wide as those fitted on ({len(self.mean)}), got {vectors.shape[1]}")
        return (vectors - self.mean) @ self.projection


def fit_session_whitening(first, second, dimensions: int = 150, ridge: float = 0.1) -> SessionWhitening:
    """The map for pairs of vectors.

    Args:
        first: float `[N, D]`, of N people or recordings.
        second: float `[N, D]`, of the same in the same order.
        dimensions: how many directions are kept at most; those in which people differ no more than sessions never are.
        ridge: added to W's diagonal, as a share of its mean.

    Raises:
        ValueError: tables of different shapes, fewer than two pairs, pairs without any difference, zero vectors, a
            ridge that is not above 0, or no direction in which people differ more than sessions.
    """
    first, second = _unit(first, "first"), _unit(second, "second")
    if first.shape != second.shape or len(first) < 2:
        raise ValueError(f"first and second must be as many, at least 2, got {first.shape} and {second.shape}")
    if not ridge > 0 or dimensions < 1:
        raise ValueError(f"ridge must be above 0 and dimensions at least 1, got {ridge} and {dimensions}")
    mean = (first.mean(axis=0) + second.mean(axis=0)) / 2
    everybody = np.concatenate([first, second]) - mean
    total = everybody.T @ everybody / len(everybody)
    difference = first - second
    within = difference.T @ difference / (2 * len(difference))
    if not within.any():
        raise ValueError("first and second must differ, got the same vectors twice")
    within[np.diag_indices_from(within)] += ridge * np.trace(within) / len(within)
    ratios, directions = eigh(total, within)  # rising
    ratios, directions = ratios[::-1][:dimensions], directions[:, ::-1][:, :dimensions]
    telling = ratios > 1
    if not telling.any():
        raise ValueError("people must differ more than sessions in some direction, got none in which they do")
    ratios, directions = ratios[telling], directions[:, telling]
    return SessionWhitening(mean, directions * np.sqrt((ratios - 1) / ratios), ratios)


def _unit(vectors, name: str) -> np.ndarray:
    vectors = finite_table(vectors, name)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(f"{name} must differ from zero, got a zero vector (row {int(np.argmin(lengths))})")
    return vectors / lengths
