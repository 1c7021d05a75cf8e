"""How near guessed samples come to the original ones."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Nearness:
    """How near a reconstruction comes to the original over some samples.

    Attributes:
        samples: their number.
        correlation: Pearson's, NaN where one of the two is constant.
        error: root mean square, mV.
        deviation: of the original, mV: the error of the best constant guess.
    """

    samples: int
    correlation: float
    error: float
    deviation: float


def nearness(original: np.ndarray, guess: np.ndarray) -> Nearness:
    """How near a guess comes to the original.

    Args:
        original: mV, `[N]`.
        guess: mV, `[N]`.

    Raises:
        ValueError: there is nothing to compare.
    """
    if original.shape != guess.shape or original.ndim != 1 or not len(original):
        raise ValueError(f"samples must be two equal rows with one at least, got {original.shape} and {guess.shape}")
    original, guess = original.astype(np.float64), guess.astype(np.float64)
    error, deviation = float(np.sqrt(np.mean((original - guess) ** 2))), float(original.std())
    constant = deviation == 0 or guess.std() == 0
    correlation = float("nan") if constant else float(np.corrcoef(original, guess)[0, 1])
    return Nearness(len(original), correlation, error, deviation)
