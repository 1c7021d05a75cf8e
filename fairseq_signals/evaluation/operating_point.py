"""Where a score becomes a decision: chosen on one set of recordings, used on others.

Conventions: labels are boolean `[N]`, scores float `[N]`, of recordings whose label is known. A recording is called
positive where its score reaches the threshold (>=). The rules, as text:

    0.3                 this number
    youden              the largest sensitivity + specificity - 1 (Youden 1950, Cancer 3:32)
    sensitivity=0.9     of the thresholds with at least this sensitivity, the most specific one
    specificity=0.9     of the thresholds with at least this specificity, the most sensitive one

A threshold that is chosen lies in the middle between two scores that stand next to each other (beyond all of them, at
the outermost), so that rounding does not move a recording across it. Of two equally good ones the lower is taken, which
misses fewer.
"""

from dataclasses import dataclass

import numpy as np

RULES = ("youden", "sensitivity", "specificity")
_SAME = 1e-12  # sums of shares that differ by less are the same


@dataclass(frozen=True)
class PointRule:
    """How a threshold is found.

    Attributes:
        kind: one of `RULES`, or `threshold` for a given number.
        value: the number, or the least sensitivity or specificity; NaN for youden.
    """

    kind: str
    value: float = float("nan")

    @property
    def is_chosen(self) -> bool:
        """Whether recordings are needed to find it."""
        return self.kind != "threshold"


def parse_point(text: str) -> PointRule:
    """The rule that a text tells.

    Raises:
        ValueError: it is none of the above.
    """
    name, equals, number = text.strip().partition("=")
    try:
        if not equals:
            return PointRule("youden") if name == "youden" else PointRule("threshold", _share(name))
        if name in ("sensitivity", "specificity"):
            return PointRule(name, _share(number))
    except ValueError:
        pass
    raise ValueError(
        f"operating point must be a threshold from 0 to 1, youden, sensitivity=SHARE or specificity=SHARE, got {text!r}"
    )


def choose_threshold(rule: PointRule, labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold that a rule finds on these recordings.

    Raises:
        ValueError: one of the labels is missing among them, where there is something to choose.
    """
    if not rule.is_chosen:
        return rule.value
    require_both_labels(labels)
    cuts, sensitivity, specificity = _cuts(labels, scores)
    if rule.kind == "youden":
        merit = sensitivity + specificity
    else:
        held, other = (sensitivity, specificity) if rule.kind == "sensitivity" else (specificity, sensitivity)
        merit = np.where(held >= rule.value - _SAME, other, -1.0)
    return float(cuts[merit >= merit.max() - _SAME].min())


def require_both_labels(labels: np.ndarray) -> None:
    """Raises ValueError where nothing can be chosen by these labels, all of them known, since one of two is missing."""
    if labels.all() or not labels.any():
        raise ValueError(
            f"recordings to choose an operating point on must have both labels, got {labels.sum()} positive of "
            f"{len(labels)}"
        )


def _cuts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds in ascending order, from one that calls all positive to one that calls none, and what they reach."""
    steps = np.unique(scores)
    middles = (steps[:-1] + steps[1:]) / 2
    middles = np.where(middles > steps[:-1], middles, steps[1:])  # neighbours among floats have no middle
    cuts = np.concatenate([steps[:1], middles, [np.nextafter(steps[-1], np.inf)]])
    positive, negative = np.sort(scores[labels]), np.sort(scores[~labels])
    sensitivity = 1 - np.searchsorted(positive, cuts) / len(positive)
    return cuts, sensitivity, np.searchsorted(negative, cuts) / len(negative)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value
