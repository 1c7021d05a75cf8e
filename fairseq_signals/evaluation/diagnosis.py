"""All scores of a multi-label diagnosis, by name.

Conventions:
    Tables are `[N, C]`, one row per recording and one column per class: labels and known boolean, scores
    probabilities. What is not known counts nowhere. A score that cannot be had is NaN.

Metrics:
    `macro_auc`, `macro_average_precision` (over the classes with both labels), `macro_f1`, and `cinc_score`
    where all classes are the CinC 2021 challenge's. With a part of its 26 classes the others are taken as
    absent, and the score is not comparable with the challenge's results.

    `cinc_score_windows`, `macro_auc_windows`: the same two over windows instead of recordings, every window with its
    recording's labels and decided at 0.5. This is the unit of Oh et al. 2022 (4,079 five-second segments); it is not
    comparable with challenge scores, which are of recordings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table, same_shape
from fairseq_signals.evaluation.auc import mean_of_defined, per_class_auc, per_class_average_precision
from fairseq_signals.evaluation.cinc2021 import challenge_score, expand, is_scored
from fairseq_signals.evaluation.f1 import per_class_f1
from fairseq_signals.evaluation.subgroups import MIN_RECORDINGS, subgroup_scores
from fairseq_signals.evaluation.thresholds import decide

WINDOW_THRESHOLD = 0.5
"""Where windows are decided: fixed, as in the paper's public code, whatever is fitted for recordings."""


def diagnosis_scores(
    labels,
    known,
    scores,
    classes: Sequence[str],
    threshold=0.5,
    columns: Mapping[str, Sequence] | None = None,
    min_recordings: int = MIN_RECORDINGS,
) -> dict[str, Any]:
    """The scores by name, with `per_class`, `n_recordings`, `n_classes_scored`, `threshold` and `subgroups`.

    `threshold` comes back as it was used: one number, or a number by class.

    Args:
        labels: boolean `[N, C]`.
        known: boolean `[N, C]`, or None where everything is known.
        scores: float `[N, C]`, probabilities.
        classes: C codes, the names of the columns.
        threshold: one number, or one per class `[C]`.
        columns: columns of the manifest by name, N values each; those that make groups (sex, age, source, folder) do.
        min_recordings: groups with fewer get no scores.

    Raises:
        ValueError: tables that do not fit each other or the classes, scores that are no probabilities.
    """
    labels, scores = boolean_table(labels, "labels"), finite_table(scores, "scores")
    same_shape(scores, labels.shape, "scores")
    known = known_table(known, labels.shape)
    if len(classes) != labels.shape[1] or len(set(classes)) != len(classes):
        raise ValueError(f"classes must be {labels.shape[1]} different names, got {list(classes)!r}")
    decisions = decide(scores, threshold)
    per_class = _per_class(labels, known, scores, decisions)

    def group(rows: np.ndarray) -> dict[str, float]:
        part = labels[rows], known[rows], decisions[rows]
        summary = _summary(*part, classes, _per_class(labels[rows], known[rows], scores[rows], decisions[rows]))
        n_scored = summary.pop("n_classes_scored")
        return summary if n_scored else dict.fromkeys(summary, float("nan"))

    for name, values in (columns or {}).items():
        if len(values) != len(labels):
            raise ValueError(f"column {name} must have {len(labels)} values, got {len(values)}")
    return {
        **_summary(labels, known, decisions, classes, per_class),
        "n_recordings": len(labels),
        "threshold": float(threshold)
        if np.ndim(threshold) == 0
        else dict(zip(classes, map(float, threshold), strict=True)),
        "per_class": {
            name: {key: values[column].item() for key, values in per_class.items()}
            for column, name in enumerate(classes)
        },
        "subgroups": subgroup_scores(columns or {}, group, min_recordings),
    }


def window_scores(labels, known, scores, recordings, classes: Sequence[str]) -> dict[str, Any]:
    """`cinc_score_windows`, `macro_auc_windows` and `n_windows`: each window judged by its recording's labels.

    The paper's unit; not comparable with challenge scores. Long recordings weigh more here, and there is no
    `cinc_score_windows` where there is no `cinc_score`.

    Args:
        labels: boolean `[N, C]`, of the recordings.
        known: boolean `[N, C]`, or None where everything is known.
        scores: float `[M, C]`, probabilities of every window once, padded ones included.
        recordings: int `[M]`, the row of each window's recording.
        classes: C codes, the names of the columns.

    Raises:
        ValueError: tables that do not fit each other or the classes, scores that are no probabilities.

    Source: Oh et al. 2022, sections 4 and 5; the threshold is the public code's.
    """
    labels = boolean_table(labels, "labels")
    known, recordings = known_table(known, labels.shape), np.asarray(recordings)
    if recordings.shape != (len(scores),) or (
        recordings.size and not 0 <= recordings.min() <= recordings.max() < len(labels)
    ):
        raise ValueError(
            f"recordings must name one of {len(labels)} rows for each of {len(scores)} windows, "
            f"got {recordings.shape} from {recordings.min(initial=0)} to {recordings.max(initial=0)}"
        )
    every = diagnosis_scores(labels[recordings], known[recordings], scores, classes, WINDOW_THRESHOLD)
    shared = {f"{name}_windows": every[name] for name in ("cinc_score", "macro_auc") if name in every}
    return {**shared, "n_windows": len(recordings)}


def _summary(labels, known, decisions, classes, per_class) -> dict[str, Any]:
    summary = {
        "macro_auc": mean_of_defined(per_class["auc"]),
        "macro_average_precision": mean_of_defined(per_class["average_precision"]),
        "macro_f1": mean_of_defined(per_class["f1"]),
        "n_classes_scored": int((~np.isnan(per_class["auc"])).sum()),
    }
    if is_scored(classes):
        summary["cinc_score"] = challenge_score(expand(labels & known, classes), expand(decisions & known, classes))
    return summary


def _per_class(labels, known, scores, decisions) -> dict[str, np.ndarray]:
    return {
        "auc": per_class_auc(labels, scores, known),
        "average_precision": per_class_average_precision(labels, scores, known),
        "f1": per_class_f1(labels, decisions, known),
        "n_known": known.sum(axis=0),
        "n_positive": (labels & known).sum(axis=0),
    }
