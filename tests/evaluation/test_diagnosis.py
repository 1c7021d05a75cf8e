"""The façade against the scores it gathers and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from fairseq_signals.evaluation.cinc2021 import CLASSES, challenge_score
from fairseq_signals.evaluation.diagnosis import diagnosis_scores, window_scores


@pytest.fixture
def tables():
    random = np.random.default_rng(0)
    labels = random.random((120, 26)) < 0.3
    return labels, np.clip(0.3 * labels + 0.7 * random.random((120, 26)), 0, 1)


def test_scores_are_the_independent_ones(tables):
    labels, scores = tables
    result = diagnosis_scores(labels, None, scores, CLASSES, 0.6)
    assert result["macro_auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert result["macro_average_precision"] == pytest.approx(average_precision_score(labels, scores))
    assert result["macro_f1"] == pytest.approx(f1_score(labels, scores >= 0.6, average="macro"))
    assert result["cinc_score"] == challenge_score(labels, scores >= 0.6)
    assert (result["n_recordings"], result["n_classes_scored"], result["threshold"]) == (120, 26, 0.6)
    flutter = result["per_class"]["164890007"]
    assert flutter["auc"] == pytest.approx(roc_auc_score(labels[:, 1], scores[:, 1]))
    assert (flutter["n_known"], flutter["n_positive"]) == (120, labels[:, 1].sum())
    assert result["subgroups"] == {}


def test_order_and_choice_of_the_challenge_classes_do_not_matter(tables):
    labels, scores = tables
    columns = np.random.default_rng(1).permutation(26)[:8]
    names = [CLASSES[column].split("|")[-1] for column in columns]
    rest = np.setdiff1d(np.arange(26), columns)
    result = diagnosis_scores(labels[:, columns], None, scores[:, columns], names)
    labels[:, rest] = scores[:, rest] = 0
    assert result["cinc_score"] == pytest.approx(challenge_score(labels, scores >= 0.5))


def test_other_classes_have_no_challenge_score(tables):
    labels, scores = tables
    assert "cinc_score" not in diagnosis_scores(labels[:, :2], None, scores[:, :2], ["NORM", "MI"])


def test_unknown_cells_are_left_out_everywhere(tables):
    labels, scores = tables
    known = np.ones_like(labels)
    known[:60, 3] = False
    result = diagnosis_scores(labels, known, scores, CLASSES)
    flipped = diagnosis_scores(labels ^ ~known, known, np.where(known, scores, 1 - scores), CLASSES)
    assert flipped == result
    assert result["per_class"][CLASSES[3]]["n_known"] == 60
    assert result["per_class"][CLASSES[3]]["auc"] == roc_auc_score(labels[60:, 3], scores[60:, 3])


def test_threshold_per_class(tables):
    labels, scores = tables
    thresholds = np.linspace(0.2, 0.8, 26)
    result = diagnosis_scores(labels, None, scores, CLASSES, thresholds)
    assert list(result["threshold"].items()) == list(zip(CLASSES, thresholds, strict=True))
    assert result["macro_f1"] == pytest.approx(f1_score(labels, scores >= thresholds, average="macro"))


def test_subgroups_are_scored_like_sets_of_their_own(tables):
    labels, scores = tables
    columns = {"sex": ["M", "F"] * 60, "age": ["30"] * 115 + ["90"] * 5}
    result = diagnosis_scores(labels, None, scores, CLASSES, columns=columns)["subgroups"]
    alone = diagnosis_scores(labels[1::2], None, scores[1::2], CLASSES)
    assert result["sex"]["female"]["n_recordings"] == 60
    for name in ("macro_auc", "macro_average_precision", "macro_f1", "cinc_score"):
        assert result["sex"]["female"][name] == alone[name]
    assert result["age"][">=80"] == {
        "n_recordings": 5,
        **dict.fromkeys(("macro_auc", "macro_average_precision", "macro_f1", "cinc_score")),
    }


def test_a_group_without_both_labels_has_no_scores(tables):
    labels, scores = tables
    labels[::2] = False
    result = diagnosis_scores(labels, None, scores, CLASSES, columns={"source": ["A", "B"] * 60})["subgroups"]
    assert set(result["source"]["A"].values()) == {60, None}
    assert None not in result["source"]["B"].values()


def test_nothing_known_is_nan_and_no_error(tables):
    labels, scores = tables
    result = diagnosis_scores(labels, np.zeros_like(labels), scores, CLASSES)
    assert np.isnan(result["macro_auc"]) and result["cinc_score"] == 0.0 and result["n_classes_scored"] == 0


def test_bad_input_is_refused(tables):
    labels, scores = tables
    with pytest.raises(ValueError, match="classes must be 26 different names"):
        diagnosis_scores(labels, None, scores, [f"statement {number}" for number in range(25)])
    with pytest.raises(ValueError, match="classes must be 26 different names"):
        diagnosis_scores(labels, None, scores, ["NORM"] * 26)
    with pytest.raises(ValueError, match="column age must have 120 values, got 3"):
        diagnosis_scores(labels, None, scores, CLASSES, columns={"age": [1, 2, 3]})
    with pytest.raises(ValueError, match="scores must be finite"):
        diagnosis_scores(labels, None, scores * np.nan, CLASSES)


def test_windows_are_scored_one_by_one_with_their_recordings_labels(tables):
    labels, _ = tables
    random = np.random.default_rng(2)
    recordings = random.permutation(np.repeat(np.arange(120), random.integers(1, 5, 120)))
    probabilities = random.random((len(recordings), 26)).astype(np.float32)
    known = random.random((120, 26)) < 0.9
    truth, decided, areas = [], [], []
    for window, row in enumerate(recordings):  # a plain loop over windows, unknown cells absent
        truth.append([labels[row, column] and known[row, column] for column in range(26)])
        decided.append([probabilities[window, column] >= 0.5 and known[row, column] for column in range(26)])
    for column in range(26):
        seen = [window for window, row in enumerate(recordings) if known[row, column]]
        areas.append(roc_auc_score(labels[recordings[seen], column], probabilities[seen, column]))
    result = window_scores(labels, known, probabilities, recordings, CLASSES)
    assert result == {
        "cinc_score_windows": challenge_score(np.array(truth), np.array(decided)),
        "macro_auc_windows": pytest.approx(np.mean(areas)),
        "n_windows": len(recordings),
    }


def test_one_window_per_recording_scores_like_recordings_at_one_half(tables):
    labels, scores = tables
    order = np.random.default_rng(3).permutation(120)
    windows, whole = (
        window_scores(labels, None, scores[order], order, CLASSES),
        diagnosis_scores(labels, None, scores, CLASSES),
    )
    assert windows["n_windows"] == whole["n_recordings"] and whole["threshold"] == 0.5
    for name in ("cinc_score", "macro_auc"):
        assert windows[f"{name}_windows"] == pytest.approx(whole[name], abs=1e-12)


def test_a_recording_of_many_windows_weighs_more(tables):
    labels, scores = tables
    whole, half = np.arange(120), np.arange(60)
    twice = window_scores(labels, None, scores[[*whole, *half]], [*whole, *half], CLASSES)
    assert twice["n_windows"] == 180
    assert twice["cinc_score_windows"] != window_scores(labels, None, scores, whole, CLASSES)["cinc_score_windows"]


def test_windows_have_no_challenge_score_where_recordings_have_none(tables):
    labels, scores = tables
    result = window_scores(labels[:, :2], None, scores[:, :2], np.arange(120), ["NORM", "MI"])
    assert set(result) == {"macro_auc_windows", "n_windows"}


def test_windows_of_no_recording_are_refused(tables):
    labels, scores = tables
    for rows in (np.arange(119), np.arange(120) + 1, np.arange(120) - 1):
        with pytest.raises(ValueError, match="recordings must name one of 120 rows for each of 120 windows, got"):
            window_scores(labels, None, scores, rows, CLASSES)
