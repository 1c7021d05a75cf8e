"""Scores on disk: metrics as JSON, and one line per recording.

Conventions:
    Text is UTF-8 with line feeds; tables are tab-separated with a header line. A file appears whole or not at all.
    A score that cannot be had is null in JSON and `nan` in a table.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table, same_shape
from fairseq_signals.evaluation.identification import Matches


def write_metrics(path: str | Path, metrics: Mapping[str, Any]) -> None:
    """Writes nested scores as JSON with sorted keys; NaN becomes null.

    Raises:
        ValueError: a number is infinite.
    """
    try:
        text = json.dumps(json_ready(metrics), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        raise ValueError(f"metrics must be finite or NaN, got an infinite number ({path})") from error
    write_whole(path, text + "\n")


def json_ready(value: Any) -> Any:
    """The value with NumPy's numbers and arrays as Python's, tuples as lists, keys as text and NaN as None."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return json_ready(value.tolist())
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write_predictions(path: str | Path, ids: Sequence[str], classes: Sequence[str], scores, labels, known=None) -> None:
    """Writes one line per recording: `id`, `score:CLASS` for every class (six digits), then `label:CLASS`.

    Args:
        path: the file to write.
        ids: N recording ids, all different.
        classes: C names.
        scores: float `[N, C]`, probabilities.
        labels: boolean `[N, C]`; written as 1 and 0.
        known: boolean `[N, C]` or None; an unknown label is written as `?`.

    Raises:
        ValueError: the parts do not fit each other, or an id appears twice.
    """
    scores, labels = finite_table(scores, "scores"), boolean_table(labels, "labels")
    same_shape(scores, labels.shape, "scores")
    known = known_table(known, labels.shape)
    if (len(ids), len(classes)) != labels.shape or len(set(ids)) != len(ids):
        raise ValueError(
            f"predictions must have one different id per recording and one name per class {labels.shape}, "
            f"got {len(ids)} ids ({len(set(ids))} different) and {len(classes)} classes"
        )
    marks = np.where(known, np.where(labels, "1", "0"), "?")
    header = ["id", *(f"score:{name}" for name in classes), *(f"label:{name}" for name in classes)]
    rows = ([name, *(f"{p:.6g}" for p in row), *mark] for name, row, mark in zip(ids, scores, marks, strict=True))
    write_table(path, header, rows)


def write_matches(
    path: str | Path,
    matches: Matches,
    ids: Sequence[str],
    patients: Sequence[str],
    gallery_ids: Sequence[str],
    gallery_patients: Sequence[str],
) -> None:
    """Writes one line per probe recording: who it is, whom the gallery says it is, how similar, and its rank.

    Args:
        path: the file to write.
        matches: what `identification.match` found for P probes.
        ids: P recording ids.
        patients: P patient ids.
        gallery_ids: G recording ids.
        gallery_patients: G patient ids.

    Raises:
        ValueError: ids, patients and matches of different numbers.
    """
    if not len(ids) == len(patients) == len(matches.rank) or len(gallery_ids) != len(gallery_patients):
        raise ValueError(
            f"probes must have one id and one patient each, and so must the gallery, got {len(matches.rank)} "
            f"matches, {len(ids)} ids, {len(patients)} patients, and {len(gallery_ids)} gallery ids, "
            f"{len(gallery_patients)} patients"
        )
    header = ["id", "patient", "nearest", "nearest_patient", "similarity", "own_similarity", "rank"]
    nearest = matches.nearest.tolist()
    columns = (
        ids,
        patients,
        [gallery_ids[row] for row in nearest],
        [gallery_patients[row] for row in nearest],
        [f"{cosine:.6g}" for cosine in matches.similarity],
        [f"{cosine:.6g}" for cosine in matches.own_similarity],
        [str(rank) for rank in matches.rank],
    )
    write_table(path, header, zip(*columns, strict=True))


def write_whole(path: str | Path, text: str) -> None:
    """Writes a text file that appears whole or not at all; missing folders are made."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with written_whole(Path(path), "w") as file:
        file.write(text)


def write_table(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a tab-separated table that appears whole or not at all.

    Raises:
        ValueError: a cell holds a tab or a line break.
    """
    buffer = io.StringIO()
    # No quoting, as in manifests: a name with a tab or a line break in it is refused instead.
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    try:
        writer.writerow(header)
        writer.writerows(rows)
    except csv.Error as error:
        raise ValueError(f"names in a table must be free of tabs and line breaks, got one with ({path})") from error
    write_whole(path, buffer.getvalue())
