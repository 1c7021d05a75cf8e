"""Curves over the number of folds, and where they reach a level, by hand and against NumPy's interpolation."""

import csv
import math
import statistics

import numpy as np
import pytest

from fairseq_signals.evaluation.label_efficiency import curves_of, efficiency_text, levels, reached, write_efficiency

VALUES = [
    *[("cpc", 1, value) for value in (0.80, 0.82, 0.84)],
    ("cpc", 2, 0.90),
    ("cpc", 8, 0.96),
    ("supervised", 8, 0.93),
    ("supervised", 8, 0.91),
    ("supervised", 4, 0.85),
]


def line(*means, folds=(1, 2, 4, 8)):
    return curves_of([("x", number, mean) for number, mean in zip(folds, means, strict=False)])["x"]


def test_runs_are_put_together_by_label_and_folds():
    curves = curves_of(VALUES)
    assert list(curves) == ["cpc", "supervised"]
    assert [point.folds for point in curves["supervised"]] == [4, 8]
    first = curves["cpc"][0]
    assert first.mean == pytest.approx(0.82) and first.deviation == pytest.approx(statistics.stdev(first.values))
    assert math.isnan(curves["cpc"][1].deviation)
    assert levels(curves["supervised"]) == {8: pytest.approx(0.92), 4: 0.85} and levels(curves["cpc"]) == {8: 0.96}


def test_a_rising_curve_reaches_a_level_where_interpolation_says():
    means, folds = (0.7, 0.8, 0.86, 0.9), (1, 2, 4, 8)
    for level in np.linspace(0.701, 0.9, 9):
        assert reached(line(*means), level) == pytest.approx(np.interp(level, means, folds))


def test_a_curve_that_falls_again_reaches_the_level_where_it_stays_above():
    assert reached(line(0.7, 0.9, 0.8, 0.9), 0.85) == pytest.approx(6.0)
    assert math.isnan(reached(line(0.7, 0.9, 0.8, 0.84), 0.85))


def test_the_ends_of_a_curve():
    assert reached(line(0.9, 0.95), 0.85) == 1
    assert math.isnan(reached(line(0.7, 0.8), 0.85)) and math.isnan(reached([], 0.5))
    assert reached(line(0.7, 0.8), 0.8) == 2


def test_text_says_where_the_baseline_is_reached(tmp_path):
    curves = curves_of([*VALUES, ("byol", 8, 0.9), ("byol", 2, 0.93), ("best", 2, 0.99), ("worst", 2, 0.1)])
    text = efficiency_text(curves, "supervised", "macro_auc")
    # 0.90 + (0.96 - 0.90) (4 - 2) / (8 - 2) = 0.92
    assert "cpc reaches supervised with 8 folds (0.9200) at 4.0 folds" in text
    assert "cpc reaches supervised with 4 folds (0.8500) at 1.4 folds" in text
    assert "byol reaches supervised with 8 folds (0.9200) not for good (up to 8 folds)" in text
    assert "best reaches supervised with 8 folds (0.9200) already at 2 (the fewest measured)" in text
    assert "worst reaches supervised with 4 folds (0.8500) never (up to 2 folds)" in text
    assert text.splitlines()[0].split() == ["macro_auc", "1", "fold", "2", "folds", "4", "folds", "8", "folds"]
    assert text.splitlines()[2].split() == ["supervised", "-", "-", "0.8500", "n=1", "0.9200(141)", "n=2"]
    write_efficiency(tmp_path / "table.tsv", curves)
    with (tmp_path / "table.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert (rows[0]["label"], rows[0]["folds"], rows[0]["runs"], rows[0]["values"]) == (
        "cpc",
        "1",
        "3",
        "0.8,0.82,0.84",
    )
    assert float(rows[0]["mean"]) == pytest.approx(0.82) and rows[1]["deviation"] == "nan"


def test_what_makes_no_curve_is_refused():
    with pytest.raises(ValueError, match=r"at least one fold and a finite score, got 0 and 0\.9 \(cpc\)"):
        curves_of([("cpc", 0, 0.9)])
    with pytest.raises(ValueError, match="finite score, got 8 and nan"):
        curves_of([("cpc", 8, math.nan)])
    with pytest.raises(ValueError, match="at least one, got none"):
        curves_of([])
    with pytest.raises(ValueError, match="baseline must be one of cpc, got 'supervised'"):
        efficiency_text(curves_of([("cpc", 8, 0.9)]), "supervised", "macro_auc")
