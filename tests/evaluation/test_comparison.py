"""Comparisons of models with several runs, against plain loops over runs and classes."""

import csv
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fairseq_signals.evaluation.bootstrap import deviations, macro_resamples
from fairseq_signals.evaluation.comparison import ENOUGH, compare, score_runs
from fairseq_signals.evaluation.comparison_text import comparison_text, write_comparison
from fairseq_signals.evaluation.predictions import Predictions
from fairseq_signals.evaluation.resampling import Resampling, class_scores

POSITIVES = (3, 5, 10, 25)
N = 90


def predictions(strength, seed):
    labels = np.zeros((N, 4), bool)
    draws = np.random.default_rng(0)
    for column, number in enumerate(POSITIVES):
        labels[draws.choice(N, number, replace=False), column] = True
    shared = draws.normal(size=(N, 4))
    scores = shared + strength * labels + 0.3 * np.random.default_rng(seed).normal(size=(N, 4))
    names = tuple(map(str, range(N)))
    return Predictions(Path(f"run{seed}"), names, ("A", "B", "C", "D"), scores, labels, np.ones((N, 4), bool))


@pytest.fixture(scope="module")
def runs():
    return {
        "supervised": [predictions(0.5, seed) for seed in (1, 2, 3)],
        "pretrained": [predictions(1.0, seed) for seed in (4, 5)],
        "random": [predictions(0.0, 6)],
    }


@pytest.fixture(scope="module")
def compared(runs):
    return {model.label: model for model in compare(score_runs(runs, Resampling(range(N), 200, seed=3)), "supervised")}


def test_means_and_deviations_are_those_of_the_runs(runs, compared):
    for label, group in runs.items():
        values = [roc_auc_score(run.labels, run.scores, average="macro") for run in group]
        assert compared[label].values == pytest.approx(values)
        assert compared[label].mean == pytest.approx(statistics.mean(values))
        if len(values) > 1:
            assert compared[label].deviation == pytest.approx(statistics.stdev(values))
    assert math.isnan(compared["random"].deviation)


def test_classes_with_enough_positives_are_averaged_alone(runs, compared):
    assert [compared["pretrained"].by_positives[least][0] for least in ENOUGH] == [4, 3, 2, 1, 0]
    for least, first in zip(ENOUGH[:-1], range(4), strict=True):
        values = [
            roc_auc_score(run.labels[:, first:], run.scores[:, first:], average="macro") for run in runs["pretrained"]
        ]
        assert compared["pretrained"].by_positives[least][1] == pytest.approx(statistics.mean(values))
        assert compared["pretrained"].by_positives[least][2] == pytest.approx(statistics.stdev(values))
    assert math.isnan(compared["pretrained"].by_positives[50][1])


def plain_macros(group):
    resampling = Resampling(range(N), 200, seed=3)
    found = [class_scores(run.labels, run.scores, None, resampling) for run in group]
    return [macro_resamples(run, deviations(run, seed=3)) for run in found]


def test_all_pairs_of_runs_are_counted(runs, compared):
    ours, others = plain_macros(runs["pretrained"]), plain_macros(runs["supervised"])
    above = [np.percentile(one.values - two.values, 2.5) > 0 for one in ours for two in others]
    assert len(above) == 6
    assert compared["pretrained"].above == pytest.approx(np.mean(above)) and compared["pretrained"].below == 0
    assert compared["random"].below > 0.5 and compared["random"].above == 0
    assert compared["supervised"].difference is None and math.isnan(compared["supervised"].above)


def test_the_difference_is_of_the_means_over_runs(runs, compared):
    ours, others = plain_macros(runs["pretrained"]), plain_macros(runs["supervised"])
    resampled = np.mean([m.values for m in ours], axis=0) - np.mean([m.values for m in others], axis=0)
    expected = compared["pretrained"].mean - compared["supervised"].mean
    assert compared["pretrained"].difference == pytest.approx((expected, *np.percentile(resampled, [2.5, 97.5])))
    ends = np.mean([np.percentile(macro.values, [2.5, 97.5]) for macro in ours], axis=0)
    assert compared["pretrained"].interval[1:] == pytest.approx(tuple(ends))


def test_another_metric_and_no_baseline(runs):
    (model,) = compare(score_runs({"random": runs["random"]}, Resampling(range(N), 20), "macro_average_precision"))
    (run,) = runs["random"]
    assert model.mean == pytest.approx(average_precision_score(run.labels, run.scores, average="macro"))
    assert model.difference is None


def test_what_is_not_there_is_refused(runs):
    scored = score_runs({"random": runs["random"]}, Resampling(range(N), 5))
    with pytest.raises(ValueError, match="baseline must be one of random, got 'supervised'"):
        compare(scored, "supervised")
    with pytest.raises(ValueError, match="metric must be one of macro_auc, macro_average_precision, got 'f1'"):
        score_runs(runs, Resampling(range(N), 5), "f1")


def test_text_and_table_say_the_same(compared, tmp_path):
    models = list(compared.values())
    text = comparison_text(models, "macro_auc", "patients")
    write_comparison(tmp_path / "table.tsv", models)
    with (tmp_path / "table.tsv").open(encoding="utf-8", newline="") as file:
        rows = {row["label"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert list(rows) == list(compared)
    for label, row in rows.items():
        line = next(line for line in text.splitlines() if line.startswith(label))
        assert f"{float(row['mean']):.4f}" in line
        assert f"[{float(row['lower']):.4f}, {float(row['upper']):.4f}]" in line
        assert len(row["values"].split(",")) == int(row["runs"])
    assert f"{compared['pretrained'].above:.0%}, 0%" in text and "resampling patients" in text
    assert rows["supervised"]["difference"] == "nan" and "baseline" in text
    assert rows["random"]["classes_20"] == "1" and "2 classes >= 10" in text


def test_without_a_baseline_nothing_is_said_of_differences(runs):
    models = compare(score_runs({"random": runs["random"]}, Resampling(range(N), 5)))
    assert "difference" not in comparison_text(models, "macro_auc", "recordings")
