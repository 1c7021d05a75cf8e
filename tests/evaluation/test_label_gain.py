"""Gains by class against scikit-learn, averages by hand, and simulations without any gain."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from fairseq_signals.evaluation.comparison import score_runs
from fairseq_signals.evaluation.label_gain import (
    ClassGain,
    class_gains,
    gain_correlations,
    gains_text,
    group_gains,
    write_gains,
)
from fairseq_signals.evaluation.predictions import Predictions
from fairseq_signals.evaluation.resampling import Resampling

CLASSES = ("AFIB", "NORM", "IMI", "PSVT", "TRIGU")
POSITIVES = (12, 40, 6, 1, 0)
N = 100


def predictions(strength, seed):
    labels = np.zeros((N, 5), bool)
    draws = np.random.default_rng(0)
    for column, number in enumerate(POSITIVES):
        labels[draws.choice(N, number, replace=False), column] = True
    scores = draws.normal(size=(N, 5)) + labels * strength
    scores += 0.3 * np.random.default_rng(seed).normal(size=(N, 5))
    return Predictions(Path("p"), tuple(map(str, range(N))), CLASSES, scores, labels, np.ones((N, 5), bool))


@pytest.fixture(scope="module")
def runs():
    return {"cpc": [predictions(2.0, seed) for seed in (1, 2)], "supervised": [predictions(0.7, 3)]}


@pytest.fixture(scope="module")
def gains(runs):
    scored = score_runs(runs, Resampling(range(N), 200))
    return class_gains(CLASSES, scored["cpc"], scored["supervised"], enough=10)


def test_scores_are_means_over_runs_sorted_by_the_baseline(runs, gains):
    assert gains[-1].name == "TRIGU" and math.isnan(gains[-1].gain)
    assert [one.baseline for one in gains[:-1]] == sorted((one.baseline for one in gains[:-1]), reverse=True)
    for one in gains[:-1]:
        column = CLASSES.index(one.name)
        areas = {
            label: np.mean([roc_auc_score(run.labels[:, column], run.scores[:, column]) for run in group])
            for label, group in runs.items()
        }
        assert (one.baseline, one.model) == pytest.approx((areas["supervised"], areas["cpc"]))
        assert one.gain == pytest.approx(areas["cpc"] - areas["supervised"])
        assert one.positives == POSITIVES[column] and one.enough == (POSITIVES[column] >= 10)


def test_a_class_knows_how_sure_its_gain_is(gains):
    by_name = {one.name: one for one in gains}
    assert math.isnan(by_name["PSVT"].lower) and math.isnan(by_name["PSVT"].upper)  # a single positive
    for name in ("AFIB", "NORM", "IMI"):
        assert by_name[name].lower < by_name[name].gain < by_name[name].upper
    widths = {name: by_name[name].upper - by_name[name].lower for name in ("NORM", "IMI")}
    assert widths["NORM"] < widths["IMI"] and by_name["NORM"].lower > 0


def gain(name, baseline, model, group="form"):
    return ClassGain(name, group, 5, False, baseline, model, model - baseline, math.nan, math.nan)


def test_groups_are_averaged_by_hand():
    gains = [gain("a", 0.5, 0.6), gain("b", 0.8, 0.9, "CD"), gain("c", 0.7, 1.0), gain("d", math.nan, math.nan)]
    assert group_gains(gains) == {"CD": (1, pytest.approx(0.1)), "form": (2, pytest.approx(0.2))}


def test_correlations_are_pearsons_of_classes_with_a_score():
    draws = np.random.default_rng(1)
    gains = [gain(str(number), *draws.random(2)) for number in range(9)]
    first, second = gain_correlations([*gains, gain("x", math.nan, math.nan)])
    differences = [one.gain for one in gains]
    assert first == pytest.approx(stats.pearsonr(differences, [one.baseline for one in gains])[0])
    assert second == pytest.approx(stats.pearsonr(differences, [one.baseline + one.model for one in gains])[0])
    assert np.isnan(gain_correlations(gains[:2])).all()
    assert np.isnan(gain_correlations([gain(str(n), 0.5, 0.5) for n in range(4)])).all()


def test_without_any_gain_only_the_correlation_with_the_mean_is_free_of_chance():
    draws = np.random.default_rng(2)
    skill = draws.normal(0.9, 0.02, 2000)
    first, second = skill + draws.normal(0, 0.02, (2, 2000))
    alone, both = gain_correlations([gain(str(n), *pair) for n, pair in enumerate(zip(first, second, strict=True))])
    assert alone < -0.4 and abs(both) < 0.08


def test_table_and_text(gains, tmp_path):
    write_gains(tmp_path / "gains.tsv", gains)
    with (tmp_path / "gains.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["class"] for row in rows] == [one.name for one in gains]
    for row, one in zip(rows[:-1], gains[:-1], strict=True):
        assert float(row["gain"]) == pytest.approx(one.gain, abs=1e-5)
        assert (row["group"], int(row["positives"]), bool(int(row["enough"]))) == (one.group, one.positives, one.enough)
    assert rows[-1]["gain"] == "nan"
    text = gains_text(gains, "cpc", "supervised")
    mean = np.mean([one.gain for one in gains if one.group == "rhythm" and not math.isnan(one.gain)])
    assert f"{mean:+.4f}" in text and "cpc over supervised" in text
    enough = np.mean([one.gain for one in gains if one.enough])
    assert next(line for line in text.splitlines() if line.startswith("with enough")).endswith(f"2    {enough:+.4f}")
