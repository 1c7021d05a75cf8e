"""Scores with noise against scikit-learn's."""

import csv

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairseq_signals.evaluation.noisy_scores import NoisyScores
from fairseq_signals.evaluation.robustness import robustness, write_robustness

LEVELS = (0, 2, 5)


def _table(runs=3, recordings=80, seed=0):
    """Labels of which the last is rare, and scores that lose their sense with the level."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(size=(recordings, 4)) < [0.5, 0.3, 0.15, 0.0]
    labels[:2, 3] = True
    known = rng.uniform(size=labels.shape) < 0.9
    known[:2, 3] = True
    scores = {
        (name, level): [labels + (level + 0.5) * rng.normal(size=labels.shape) for _ in range(count)]
        for name, count in (("trained", runs), ("single", 1))
        for level in LEVELS
    }
    powers = {level: np.full(recordings, level / 10) for level in LEVELS}
    return labels, known, NoisyScores(scores, np.ones(recordings), powers)


def test_scores_are_scikit_learns_over_the_labels_with_enough_positives():
    labels, known, noisy_scores = _table()
    rows = robustness(labels, known, noisy_scores, (1, 5, 20))
    assert [(row.model, row.level, row.min_positives) for row in rows] == [
        (name, level, enough) for name in ("trained", "single") for level in LEVELS for enough in (1, 5, 20)
    ]
    for row in rows:
        chosen = [c for c in range(4) if (labels[:, c] & known[:, c]).sum() >= row.min_positives]
        expected = [
            np.mean([roc_auc_score(labels[known[:, c], c], scores[known[:, c], c]) for c in chosen])
            for scores in noisy_scores.scores[row.model, row.level]
        ]
        assert row.n_labels == len(chosen) and row.n_recordings == len(labels)
        assert row.runs == pytest.approx(expected) and row.macro_auc == pytest.approx(np.mean(expected))
        if row.model == "trained":
            assert row.deviation == pytest.approx(np.std(expected, ddof=1))
        else:
            assert np.isnan(row.deviation)
    by_level = [row.macro_auc for row in rows if row.model == "trained" and row.min_positives == 5]
    assert by_level[0] > max(by_level[1:])
    assert {row.min_positives: row.n_labels for row in rows} == {1: 4, 5: 3, 20: 2}
    assert next(row.snr_db for row in rows if row.level == 5) == pytest.approx(10 * np.log10(2))


def test_a_label_needs_so_many_known_positives():
    labels, known, noisy_scores = _table()
    exactly = int((labels & known)[:, 2].sum())
    assert labels[:, 2].sum() > exactly, "some of its positives are unknown"
    rows = robustness(labels, known, noisy_scores, (exactly, exactly + 1))
    assert [row.n_labels for row in rows[:2]] == [3, 2]


def test_where_no_label_has_enough_positives_there_is_no_score():
    row = robustness(*_table(), positives=(1000,))[0]
    assert row.n_labels == 0 and np.isnan(row.macro_auc) and np.isnan(row.deviation)


def test_the_table_says_what_was_scored(tmp_path):
    rows = robustness(*_table(), positives=(1, 5))
    write_robustness(tmp_path / "new" / "robustness.tsv", rows)
    with open(tmp_path / "new" / "robustness.tsv", newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    assert len(found) == len(rows)
    for line, row in zip(found, rows, strict=True):
        assert (line["model"], int(line["level"]), int(line["min_positives"])) == (
            row.model,
            row.level,
            row.min_positives,
        )
        assert float(line["macro_auc"]) == pytest.approx(row.macro_auc, abs=1e-5)
        assert float(line["deviation"]) == pytest.approx(row.deviation, abs=1e-5, nan_ok=True)
        assert [float(value) for value in line["runs"].split(",")] == pytest.approx(row.runs, abs=1e-5)
    assert found[0]["snr_db"] == "inf"


def test_tables_that_do_not_fit_and_no_positives_are_refused():
    labels, known, noisy_scores = _table()
    with pytest.raises(ValueError, match=r"scores of trained must be shaped like the labels \(80, 3\), got \(80, 4\)"):
        robustness(labels[:, :3], known[:, :3], noisy_scores)
    for positives in ((), (0, 5)):
        with pytest.raises(ValueError, match="positives that a label needs must be 1 or more, got"):
            robustness(labels, known, noisy_scores, positives)
