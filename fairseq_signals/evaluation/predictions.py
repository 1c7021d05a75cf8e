"""Predictions of a run read back from its results, and whether several runs predicted the same.

Conventions:
    A results folder holds `predictions_<subset>.tsv` and `metrics_<subset>.json` of one run, as `ecg_classification`
    writes them (`report`). Probabilities have six digits there, so a score computed from them differs from the one in
    the metrics in its last digits at most; where it differs by more, the two files are not of one run.
"""

import csv
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.evaluation.auc import macro_auc

_MARKS = {"1": (True, True), "0": (False, True), "?": (False, False)}
_ROUNDING = 1e-3  # of a macro AUC, by probabilities with six digits


@dataclass(frozen=True)
class Predictions:
    """Probabilities and labels of N recordings and C classes.

    Attributes:
        path: the file they were read from.
        ids: N recording ids, all different.
        classes: C names.
        scores: float64 `[N, C]`.
        labels: boolean `[N, C]`; False where unknown.
        known: boolean `[N, C]`.
        metrics: what stands in the metrics beside them; empty where they were read alone.
    """

    path: Path
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    scores: np.ndarray
    labels: np.ndarray
    known: np.ndarray
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def metric(self, name: str) -> float:
        """A number among the metrics.

        Raises:
            ValueError: there is none of that name.
        """
        value = self.metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            known = ", ".join(sorted(key for key, item in self.metrics.items() if isinstance(item, float))) or "none"
            raise ValueError(
                f"metric must be a number of the run's metrics ({known}), got {name!r} ({self.path.parent})"
            )
        return float(value)


def read_results_folders(folders: Sequence[str | Path], subset: str = "test") -> list[Predictions]:
    """The predictions of several runs.

    Raises:
        FileNotFoundError, ValueError: as `read_results_folder`, or a folder comes twice.
    """
    seen = set()
    for folder in folders:
        if Path(folder).resolve() in seen:
            raise ValueError(f"runs must be different folders, got {folder} twice")
        seen.add(Path(folder).resolve())
    return [read_results_folder(folder, subset) for folder in folders]


def read_results_folder(folder: str | Path, subset: str = "test") -> Predictions:
    """The predictions of a run, after a look at whether its metrics are of the same run.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: one of them cannot be read, or the metrics are of other predictions.
    """
    path = Path(folder) / f"metrics_{subset}.json"
    if not path.is_file():
        raise FileNotFoundError(f"results of a run must have {path.name}, got none in {path.parent}")
    predictions = read_predictions(Path(folder) / f"predictions_{subset}.tsv")
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        stated, n = metrics["macro_auc"], metrics["n_recordings"]
        stated = math.nan if stated is None else float(stated)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"metrics must be JSON with macro_auc and n_recordings, got {error!r} ({path})") from error
    found = macro_auc(predictions.labels, predictions.scores, predictions.known)
    if n != len(predictions.ids) or not ((math.isnan(stated) and math.isnan(found)) or abs(stated - found) < _ROUNDING):
        raise ValueError(
            f"metrics must be of the predictions beside them (macro AUC {found:.4f} of {len(predictions.ids)} "
            f"recordings), got {stated:.4f} of {n} ({path})"
        )
    return replace(predictions, metrics=metrics)


def read_predictions(path: str | Path) -> Predictions:
    """What `report.write_predictions` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such table; the line is named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"results of a run must have {path.name}, got none in {path.parent}")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    classes = _classes(lines[0] if lines else [], path)
    if len(lines) < 2:
        raise ValueError(f"predictions must be of at least one recording, got none ({path})")
    n, parsed = len(classes), [_parsed(line, len(classes), path, number) for number, line in enumerate(lines[1:], 2)]
    ids = tuple(line[0] for line in lines[1:])
    if len(set(ids)) != len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise ValueError(f"recordings must differ in id, got {twice} twice ({path})")
    marks = np.array([marks for _, marks in parsed]).reshape(len(ids), n, 2)
    return Predictions(path, ids, classes, np.array([scores for scores, _ in parsed]), marks[..., 0], marks[..., 1])


def require_same(predictions: Mapping[str, Sequence[Predictions]]) -> dict[str, list[Predictions]]:
    """The predictions of runs by label, with their recordings in the order of the first run.

    Raises:
        ValueError: runs of other recordings, classes or labels; both files are named.
    """
    runs = [run for group in predictions.values() for run in group]
    if not runs:
        raise ValueError("runs to compare must be at least one, got none")
    return {label: [_like(run, runs[0]) for run in group] for label, group in predictions.items()}


def require_baseline(labels: Collection[str], baseline: str | None) -> None:
    """Nothing, where the baseline is one of the labels or there is none.

    Raises:
        ValueError: it is another.
    """
    if baseline is not None and baseline not in labels:
        raise ValueError(f"baseline must be one of {', '.join(labels)}, got {baseline!r}")


def _like(run: Predictions, first: Predictions) -> Predictions:
    where = f"({run.path} and {first.path})"
    if run.classes != first.classes:
        other = sorted(set(run.classes) ^ set(first.classes))
        got = f"{', '.join(other)} in one of them only" if other else "the same in another order"
        raise ValueError(f"runs must have the same classes, got {got} {where}")
    other = sorted(set(run.ids) ^ set(first.ids))
    if other:
        shown = f"{', '.join(other[:3])}{' and others' * (len(other) > 3)}"
        raise ValueError(f"runs must have the same recordings, got {len(other)} in one of them only: {shown} {where}")
    place = {name: number for number, name in enumerate(run.ids)}
    rows = [place[name] for name in first.ids]
    same = (run.labels[rows] == first.labels) & (run.known[rows] == first.known)
    if not same.all():
        row, column = np.argwhere(~same)[0]
        raise ValueError(
            f"runs must have the same labels, got {(~same).sum()} that differ, the first of recording "
            f"{first.ids[row]}, class {first.classes[column]} {where}"
        )
    return replace(run, ids=first.ids, scores=run.scores[rows], labels=first.labels, known=first.known)


def _classes(header: Sequence[str], path: Path) -> tuple[str, ...]:
    scored = [name.removeprefix("score:") for name in header if name.startswith("score:")]
    expected = ["id", *(f"score:{name}" for name in scored), *(f"label:{name}" for name in scored)]
    if list(header) != expected or not scored or len(set(scored)) != len(scored):
        shown = ", ".join(header[:4]) or "an empty file"
        raise ValueError(f"predictions must have the columns id, score:CLASS …, label:CLASS …, got {shown} ({path})")
    return tuple(scored)


def _parsed(line: Sequence[str], n: int, path: Path, number: int) -> tuple[list[float], list[tuple[bool, bool]]]:
    """Scores and (label, known) of a line."""
    where = f"({path}, line {number})"
    if len(line) != 1 + 2 * n:
        raise ValueError(f"prediction must have {1 + 2 * n} cells, got {len(line)} {where}")
    try:
        scores = [float(cell) for cell in line[1 : n + 1]]
        marks = [_MARKS[cell] for cell in line[n + 1 :]]
    except (ValueError, KeyError) as error:
        raise ValueError(f"prediction must have numbers and 1, 0 or ?, got {error} {where}") from error
    if not all(map(math.isfinite, scores)):
        raise ValueError(f"scores must be finite, got another {where}")
    return scores, marks
