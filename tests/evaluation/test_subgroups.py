"""Groups by hand, and their scores as those of the recordings chosen by hand."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairseq_signals.evaluation.subgroups import age_group, name_group, sex_group, subgroup_scores


@pytest.mark.parametrize(
    ("age", "band"),
    [
        ("0", "<40"),
        ("39.9", "<40"),
        (40, "40-59"),
        ("59", "40-59"),
        ("60.0", "60-79"),
        (79.99, "60-79"),
        ("80", ">=80"),
        ("300", ">=80"),  # PTB-XL writes 300 for everybody above 89
        ("NaN", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        ("-1", "unknown"),
        ("inf", "unknown"),
    ],
)
def test_age_bands(age, band):
    assert age_group(age) == band


def test_sex_and_name_groups():
    assert [sex_group(value) for value in ("Male", "m", "FEMALE", "F ")] == ["male", "male", "female", "female"]
    assert [sex_group(value) for value in ("", "Unknown", None, "0", "X")] == [
        "unknown",
        "unknown",
        "unknown",
        "0",
        "x",
    ]
    assert [name_group(value) for value in ("Georgia", "", "-")] == ["Georgia", "unknown", "unknown"]


def test_scores_are_those_of_the_group():
    random = np.random.default_rng(0)
    labels, scores = random.random(90) < 0.4, random.random(90)
    columns = {
        "sex": ["F", "M", ""] * 30,
        "age": [20] * 50 + [85] * 40,
        "fold": ["1"] * 90,
    }
    result = subgroup_scores(columns, lambda rows: {"auc": roc_auc_score(labels[rows], scores[rows])})
    assert result.keys() == {"sex", "age"}
    assert result["sex"]["female"] == {"auc": roc_auc_score(labels[::3], scores[::3]), "n_recordings": 30}
    assert result["sex"]["unknown"]["auc"] == roc_auc_score(labels[2::3], scores[2::3])
    assert result["age"][">=80"] == {"auc": roc_auc_score(labels[50:], scores[50:]), "n_recordings": 40}
    assert sum(group["n_recordings"] for group in result["sex"].values()) == 90


@pytest.mark.parametrize("column", ["source", "folder"])
def test_small_groups_and_missing_scores_are_null(column):
    columns = {column: ["A"] * 5 + ["B"] * 20}
    result = subgroup_scores(columns, lambda rows: {"x": 0.5, "y": float("nan")})
    assert json.loads(json.dumps(result, allow_nan=False)) == {
        column: {
            "A": {"n_recordings": 5, "x": None, "y": None},
            "B": {"n_recordings": 20, "x": 0.5, "y": None},
        }
    }


def test_columns_must_be_of_one_length():
    with pytest.raises(ValueError, match=r"one value per recording, got different lengths \(sex 1, age 2\)"):
        subgroup_scores({"sex": ["m"], "age": [1, 2]}, lambda rows: {})
