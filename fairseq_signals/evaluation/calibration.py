"""Whether probabilities are what they say: Brier score, intercept and slope of a recalibration, error by bins.

Conventions: labels are boolean `[N]`, scores probabilities `[N]`, of recordings whose label is known.

Metrics:
    `brier`: mean squared difference of probability and outcome; that of always telling the prevalence stands beside it.
    `intercept`: calibration in the large: what is to be added to all log odds so that the mean probability is the
        prevalence; 0 is ideal, below 0 says that probabilities are too high.
    `slope`: of a logistic regression of the outcome on the log odds; 1 is ideal, below 1 says that probabilities are
        too extreme.
    `error`: expected calibration error: mean difference of mean probability and share of positives over bins of equally
        many recordings, each weighing as many as it has.

Source: Van Calster et al. 2019, BMC Medicine 17:230, for intercept and slope (intercept with the slope held at 1);
Naeini et al. 2015, AAAI, for the error.

Differs: bins are of equal numbers, not of equal width: of a rare outcome nearly all recordings fall into one bin of
equal width. Probabilities are kept within 1e-6 of 0 and 1 before log odds are taken.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fairseq_signals.evaluation.arrays import boolean_table, finite_table, same_shape

BINS = 10
_LEAST = 10  # recordings in a bin, whose share of positives means little of fewer
_EDGE = 1e-6
_FLAT = 1e-12  # a spread of log odds that is none
_SEPARATED = 1e3  # a slope that only parted labels make


@dataclass(frozen=True)
class Bin:
    """Recordings of neighbouring probabilities: how many, their mean probability, and their share of positives."""

    n: int
    probability: float
    positives: float


@dataclass(frozen=True)
class Calibration:
    """See above; NaN where a number cannot be had (a label is missing, or all probabilities are one)."""

    brier: float
    brier_of_prevalence: float
    intercept: float
    slope: float
    error: float
    curve: tuple[Bin, ...]


def calibration(labels, scores, bins: int = BINS) -> Calibration:
    """How well probabilities are calibrated.

    Args:
        labels: boolean `[N]`.
        scores: probabilities `[N]`.
        bins: of the curve and the error; fewer where a bin would have fewer than 10 recordings.

    Raises:
        ValueError: other shapes, no recording, scores that are no probabilities, or a number of bins below 1.
    """
    labels = boolean_table(np.asarray(labels)[:, None], "labels")
    table = finite_table(np.asarray(scores)[:, None], "scores")
    same_shape(table, labels.shape, "scores")
    labels, scores = labels[:, 0], table[:, 0]
    if scores.min() < 0 or scores.max() > 1 or bins < 1:
        raise ValueError(
            f"scores must be probabilities and bins at least 1, got {scores.min():g} to {scores.max():g} and {bins}"
        )
    curve = calibration_curve(labels, scores, bins)
    error = sum(one.n * abs(one.probability - one.positives) for one in curve) / len(labels)
    share = labels.mean()
    return Calibration(
        brier=float(np.mean((scores - labels) ** 2)),
        brier_of_prevalence=float(share * (1 - share)),
        intercept=_intercept(labels, scores),
        slope=_slope(labels, scores),
        error=float(error),
        curve=curve,
    )


def calibration_curve(labels: np.ndarray, scores: np.ndarray, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equally many recordings (to one) in the order of their probabilities, equal ones as they come.

    There are fewer bins, one at least, where a bin would have fewer than 10 recordings.
    """
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // _LEAST)))
    return tuple(Bin(len(part), float(scores[part].mean()), float(labels[part].mean())) for part in parts)


def _intercept(labels: np.ndarray, scores: np.ndarray) -> float:
    if labels.all() or not labels.any():
        return float("nan")
    odds, share = _log_odds(scores), labels.mean()
    bound = float(np.abs(odds).max() + abs(logit(share))) + 1  # beyond it all probabilities lie on one side
    return float(brentq(lambda shift: expit(odds + shift).mean() - share, -bound, bound, xtol=1e-10))


def _slope(labels: np.ndarray, scores: np.ndarray) -> float:
    odds = _log_odds(scores)
    if labels.all() or not labels.any() or np.ptp(odds) < _FLAT:
        return float("nan")
    positive, negative = odds[labels], odds[~labels]
    if positive.min() >= negative.max() or negative.min() >= positive.max():
        return float("nan")  # parted labels: the likelihood grows for ever
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    slope = float(model.fit(odds[:, None], labels).coef_[0, 0])
    return slope if abs(slope) < _SEPARATED else float("nan")


def _log_odds(scores: np.ndarray) -> np.ndarray:
    return logit(np.clip(scores, _EDGE, 1 - _EDGE))
