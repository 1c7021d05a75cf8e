"""Scores by sex, age band, source and folder, for the recordings whose manifest says them.

Conventions:
    A column is a list of N values, text as in the manifest. Sex is `male` or `female` however it is spelled
    out (M, Female, …); numbers stay as they are, because sources disagree on which is which. Age is in years,
    in the bands <40, 40–59, 60–79 and >=80. What is missing or cannot be read is the group `unknown`: nobody
    is left out. Scores of a group that is too small are None (null in JSON), and so is a score that the group
    cannot have.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

MIN_RECORDINGS = 20

_UNKNOWN = "unknown"
_MISSING = ("", "-", "?", "nan", "none", "null", "na", "n/a", "unknown")
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
_AGE_BANDS = ((40, "<40"), (60, "40-59"), (80, "60-79"), (math.inf, ">=80"))


def sex_group(value: Any) -> str:
    """`male`, `female`, `unknown`, or the value itself where it is something else."""
    text = str(value).strip().lower()
    return _UNKNOWN if text in _MISSING else _SEXES.get(text, text)


def age_group(value: Any) -> str:
    """The band of an age in years, or `unknown` where it is missing, negative or no number."""
    try:
        age = float(value)
    except (TypeError, ValueError):
        return _UNKNOWN
    if not 0 <= age < math.inf:
        return _UNKNOWN
    return next(name for limit, name in _AGE_BANDS if age < limit)


def name_group(value: Any) -> str:
    """The name of the source or folder, or `unknown`."""
    text = str(value).strip()
    return _UNKNOWN if text.lower() in _MISSING else text


GROUPINGS = {"sex": sex_group, "age": age_group, "source": name_group, "folder": name_group}
"""The columns that make groups, and how."""


def subgroup_scores(
    columns: Mapping[str, Sequence],
    score: Callable[[np.ndarray], Mapping[str, float]],
    min_recordings: int = MIN_RECORDINGS,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by column, group and name, ready for JSON: `{"sex": {"female": {"n_recordings": 12, …}}}`.

    Args:
        columns: the manifest's columns by name, each of N values; those without a grouping are ignored.
        score: scores by name of the recordings that a boolean `[N]` selects; NaN where it has none.
        min_recordings: groups with fewer get None for every score.

    Raises:
        ValueError: columns of different lengths.
    """
    columns = {name: columns[name] for name in GROUPINGS if name in columns}
    if len({len(values) for values in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in columns.items())
        raise ValueError(f"columns must have one value per recording, got different lengths ({lengths})")
    return {name: _by_group(name, values, score, min_recordings) for name, values in columns.items()}


def _by_group(column: str, values: Sequence, score: Callable, min_recordings: int) -> dict[str, dict]:
    groups = np.array([GROUPINGS[column](value) for value in values])
    result = {}
    for group in sorted(set(groups.tolist())):
        rows = groups == group
        n = int(rows.sum())
        scores = {name: _or_none(value, n >= min_recordings) for name, value in score(rows).items()}
        result[group] = {**scores, "n_recordings": n}
    return result


def _or_none(value: float, enough: bool) -> float | None:
    return value if enough and not math.isnan(value) else None
