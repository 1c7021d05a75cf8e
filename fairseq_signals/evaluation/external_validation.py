"""Models tested on cohorts other than their own: one threshold for all, chosen on one of them or given.

Conventions: a cohort is a manifest whose labels one class code or rule (`lvsd: ef < 40`) tells; probabilities are
float `[N]`, one per row of its manifest. By model and cohort means a mapping with keys `(model, cohort)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.evaluation.binary_outcome import score_binary
from fairseq_signals.evaluation.bootstrap import Interval
from fairseq_signals.evaluation.delong import auc_difference
from fairseq_signals.evaluation.external_picture import draw_calibration, draw_roc
from fairseq_signals.evaluation.external_table import CohortScores, write_external
from fairseq_signals.evaluation.operating_point import choose_threshold, parse_point
from fairseq_signals.evaluation.report import write_metrics, write_predictions

Told = Mapping[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Cohort:
    """Recordings and how their outcome is told: a class code, or a rule."""

    manifest: Manifest
    definition: str

    @cached_property
    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and known, boolean `[N]`.

        Raises:
            ValueError: the outcome cannot be told, or of no recording.
        """
        labels, known = label_matrix(self.manifest, [self.definition])
        if not known.any():
            raise ValueError(
                f"outcome ({self.definition}) must be known of at least one recording, got none ({self.manifest.path})"
            )
        return labels[:, 0], known[:, 0]

    def of_known(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and scores of the recordings whose outcome is known."""
        labels, known = self.truth
        return labels[known], scores[known]


@dataclass(frozen=True)
class Point:
    """An operating point: a rule, see `operating_point`, and the cohort that it is chosen on; "" where it is given."""

    rule: str
    chosen_on: str = ""

    @classmethod
    def of(cls, text: str, cohorts: Sequence[str]) -> "Point":
        """What a text such as `0.3`, or `youden@valid`, tells.

        Raises:
            ValueError: it is no such text, or names none of the cohorts.
        """
        rule, at, name = text.partition("@")
        if parse_point(rule).is_chosen != bool(at) or (at and name not in cohorts):
            raise ValueError(
                f"operating point must be chosen on a cohort ({', '.join(cohorts)}), as in youden@{cohorts[0]}, or be "
                f"a threshold alone, got {text!r}"
            )
        return cls(rule, name)

    def __str__(self) -> str:
        return f"{self.rule} on {self.chosen_on}" if self.chosen_on else "given"


def score_cohorts(
    outcome: str,
    cohorts: Mapping[str, Cohort],
    told: Told,
    point: Point,
    remarks: Mapping[tuple[str, str], Sequence[str]] | None = None,
    by_patient: bool = False,
    n_resamples: int = 1000,
    seed: int = 1,
) -> list[CohortScores]:
    """The scores of every model on every cohort, in the order of the predictions.

    Args:
        outcome: name of the class.
        cohorts: by name.
        told: probabilities by model and cohort.
        point: where scores become decisions, chosen for each model.
        remarks: what is to be said of a cohort beside its scores, by model and cohort.
        by_patient: whether the AUROC's interval comes from resampled patients instead of DeLong.
        n_resamples: how often patients are drawn.
        seed: of the draws.

    Raises:
        ValueError: a cohort without a known outcome, or nothing to choose the operating point by.
    """
    rows, first = [], next(iter(told), ("", ""))[0]
    thresholds = {model: _threshold(point, cohorts, told, model) for model, _ in told}
    for (model, name), scores in told.items():
        cohort = cohorts[name]
        patients = cohort.manifest.column("patient") if by_patient else None
        found = score_binary(*cohort.truth, scores, thresholds[model], patients, n_resamples, seed)
        own = [f"the threshold was chosen here ({point.rule})"] if name == point.chosen_on else []
        said = (*own, *(remarks or {}).get((model, name), ()))
        gain = () if model == first else _gain(cohort, scores, told[first, name])
        rows.append(CohortScores(model, name, outcome, found, said, *gain))
    return rows


def _threshold(point: Point, cohorts: Mapping[str, Cohort], told: Told, model: str) -> float:
    rule = parse_point(point.rule)
    if not point.chosen_on:
        return rule.value
    return choose_threshold(rule, *cohorts[point.chosen_on].of_known(told[model, point.chosen_on]))


def _gain(cohort: Cohort, scores: np.ndarray, of_first: np.ndarray) -> tuple[Interval, float]:
    label, score = cohort.of_known(scores)
    return auc_difference(label, score, cohort.of_known(of_first)[1])


def write_validation(
    folder: Path, rows: Sequence[CohortScores], cohorts: Mapping[str, Cohort], told: Told, form: str = "png"
) -> None:
    """Writes external_validation.tsv, two pictures, and predictions and metrics of each model and cohort.

    Args:
        folder: where to.
        rows: from `score_cohorts`.
        cohorts: by name.
        told: probabilities by model and cohort.
        form: ending of the pictures: png, pdf or svg.
    """
    write_external(folder / "external_validation.tsv", rows)
    for row in rows:
        cohort, scores = cohorts[row.cohort], told[row.model, row.cohort]
        labels, known = (values[:, None] for values in cohort.truth)
        place = folder / row.model / f"predictions_{row.cohort}.tsv"
        write_predictions(place, cohort.manifest.column("id"), [row.outcome], scores[:, None], labels, known)
        facts = {"outcome": row.outcome, "labels_by": cohort.definition, "manifest": str(cohort.manifest.path)}
        write_metrics(
            folder / row.model / f"metrics_{row.cohort}.json",
            facts | asdict(row.scores) | row.flat() | {"remarks": list(row.remarks)},
        )
    models = dict.fromkeys(row.model for row in rows)
    outcomes = {
        name: {model: cohort.of_known(told[model, name]) for model in models} for name, cohort in cohorts.items()
    }
    scores = {(row.model, row.cohort): row.scores for row in rows}
    draw_roc(outcomes, scores, folder / f"roc.{form}")
    draw_calibration(outcomes, scores, folder / f"calibration.{form}")
