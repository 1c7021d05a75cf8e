"""One outcome scored: only what is known counts, and what cannot be had is NaN with a note."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, recall_score, roc_auc_score

from fairseq_signals.evaluation.binary_outcome import score_binary


@pytest.fixture
def cohort():
    draws = np.random.default_rng(1)
    labels, known = draws.random(80) < 0.3, draws.random(80) < 0.8
    return labels & known, known, np.clip(0.3 + 0.3 * labels + 0.2 * draws.normal(size=80), 0, 1)


def test_scores_are_those_of_the_known_recordings(cohort):
    labels, known, scores = cohort
    found = score_binary(*cohort, threshold=0.4)
    assert (found.n_recordings, found.n_known, found.n_cases) == (80, known.sum(), labels.sum())
    label, score = labels[known], scores[known]
    assert found.auroc.point == pytest.approx(roc_auc_score(label, score))
    assert found.auprc == pytest.approx(average_precision_score(label, score))
    assert found.calibration.brier == pytest.approx(brier_score_loss(label, score))
    assert found.decisions.sensitivity.point == pytest.approx(recall_score(label, score >= 0.4))
    assert found.decisions.specificity.point == pytest.approx(recall_score(~label, score < 0.4))
    assert found.notes == (f"outcome unknown of {80 - known.sum()} of 80 recordings, which do not count",)
    turned = np.where(known, scores, 1 - scores)  # what unknown recordings score makes no difference
    assert score_binary(labels, known, turned, 0.4) == found


def test_the_interval_by_patients_knows_that_copies_add_nothing(cohort):
    labels, known, scores = (np.repeat(values, 8) for values in cohort)
    patients = np.repeat(np.arange(80), 8).astype(str).tolist()
    alone, plain = score_binary(*cohort, 0.4).auroc, score_binary(labels, known, scores, 0.4).auroc
    drawn = score_binary(labels, known, scores, 0.4, patients, n_resamples=300).auroc
    assert drawn.point == pytest.approx(alone.point) == pytest.approx(plain.point)
    widths = [one.upper - one.lower for one in (alone, plain, drawn)]
    assert widths[1] < 0.5 * widths[0] and widths[2] == pytest.approx(widths[0], rel=0.25)


def test_the_interval_by_patients_of_very_few_cases_stays_among_areas():
    labels, known = np.arange(40) < 2, np.ones(40, bool)
    scores = np.where(labels, 0.9, np.linspace(0, 0.8, 40))
    scores[1] = 0.1
    found = score_binary(labels, known, scores, 0.5, [str(k) for k in range(40)], n_resamples=200).auroc
    assert (found.lower, found.upper) == (0.0, 1.0) and 0 < found.point < 1


def test_cases_of_one_patient_give_no_interval_by_patients_and_a_note():
    labels = np.arange(40) < 3
    scores, patients = np.random.default_rng(0).random(40), ["p0"] * 3 + [f"p{k}" for k in range(3, 40)]
    found = score_binary(labels, np.ones(40, bool), scores, 0.5, patients, n_resamples=50)
    assert found.auroc.point == pytest.approx(roc_auc_score(labels, scores)) and np.isnan(found.auroc.lower)
    assert found.notes == ("all cases, or all controls, are of one patient: no interval of the AUROC",)
    assert score_binary(labels, np.ones(40, bool), scores, 0.5).notes == ()


def test_one_label_gives_nan_and_a_note():
    every = np.ones(12, bool)
    found = score_binary(~every, every, np.linspace(0, 1, 12), 0.5)
    assert np.isnan(found.auroc).all() and np.isnan(found.auprc) and np.isnan(found.calibration.slope)
    assert found.decisions.specificity.point == 0.5 and np.isnan(found.decisions.sensitivity).all()
    assert found.notes == ("no cases: no AUROC and no recalibration",)
    with pytest.raises(ValueError, match=r"known of at least one recording, got labels .*0 known"):
        score_binary(every, ~every, np.zeros(12), 0.5)


def test_scores_that_are_all_one_are_told():
    labels, known = np.arange(12) < 5, np.ones(12, bool)
    assert score_binary(labels, known, np.full(12, 0.25), 0.5).notes[0] == (
        "ALL SCORES ARE EQUAL (0.25): the model tells nothing here"
    )
    assert not any("EQUAL" in note for note in score_binary(labels, known, np.linspace(0, 1, 12), 0.5).notes)
