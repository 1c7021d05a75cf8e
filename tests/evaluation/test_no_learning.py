"""Baselines against plain loops, scikit-learn's classifier, and the scores of models."""

import csv
import json

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.readers import read_record
from fairseq_signals.evaluation.auc import macro_auc
from fairseq_signals.evaluation.ecg_descriptors import median_beat
from fairseq_signals.evaluation.identification import rank1_accuracy
from fairseq_signals.evaluation.no_learning import diagnose, identify, neighbours_answer, prevalence
from fairseq_signals.evaluation.session_pairs import describe_sessions
from fairseq_signals.evaluation.session_whitening import fit_session_whitening
from fairseq_signals.evaluation.window_descriptors import describe_recordings


@pytest.fixture
def answers():
    """Training vectors, labels, what is known of them, and vectors to answer for."""
    random = np.random.default_rng(2)
    labels = random.random((60, 3)) < (0.5, 0.2, 0.1)
    return random.normal(size=(60, 5)), labels, random.random((60, 3)) < 0.7, random.normal(size=(20, 5))


def test_an_answer_is_the_share_of_the_nearest_known_and_the_prevalence_once(answers):
    train, labels, known, vectors = answers
    found = neighbours_answer(train, labels, known, vectors, 7)
    for place, vector in enumerate(vectors):
        cosines = [vector @ other / np.sqrt(vector @ vector) / np.sqrt(other @ other) for other in train]
        nearest = sorted(range(60), key=lambda row: -cosines[row])[:7]
        for column in range(3):
            votes = [labels[row, column] for row in nearest if known[row, column]]
            everyone = [labels[row, column] for row in range(60) if known[row, column]]
            expected = (sum(votes) + sum(everyone) / len(everyone)) / (len(votes) + 1)
            assert found[place, column] == pytest.approx(expected)


def test_answers_order_recordings_as_scikit_learns_classifier_where_all_is_known(answers):
    train, labels, _, vectors = answers
    found = neighbours_answer(train, labels, None, vectors, 9)
    for column in range(3):
        oracle = KNeighborsClassifier(9, metric="cosine").fit(train, labels[:, column]).predict_proba(vectors)[:, 1]
        assert found[:, column] == pytest.approx((9 * oracle + labels[:, column].mean()) / 10)


def test_where_no_neighbour_is_known_the_prevalence_answers(answers):
    train, labels, known, vectors = answers
    known[:, 1] = False
    known[5, 1], labels[5, 1] = True, True
    found = neighbours_answer(train, labels, known, vectors, 3)
    assert (found[:, 1] == 1).all()  # the only one known has the class, near or not
    known[6, 1], labels[6, 1] = True, False
    vectors = np.concatenate([train[5:7], -train[5:7]])
    # Each of the two answers for itself with the prevalence, one half; far from both the prevalence is alone.
    assert neighbours_answer(train, labels, known, vectors, 1)[:, 1].tolist() == [0.75, 0.25, 0.5, 0.5]


def test_prevalence_counts_what_is_known_alone():
    labels = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]], bool)
    known = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]], bool)
    assert prevalence(labels, known).tolist() == [0.5, 1 / 3, 0.0]
    assert prevalence(labels).tolist() == [0.5, 0.5, 0.25]


@pytest.mark.parametrize("number", [0, 61])
def test_an_impossible_number_of_neighbours_is_refused(answers, number):
    with pytest.raises(ValueError, match=rf"neighbours must be between 1 .* \(60, .* got {number}"):
        neighbours_answer(*answers, number)


def test_identification_writes_the_files_that_fairseq_validate_writes(ecg_data, tmp_path):
    scores = identify(ecg_data, "median_beat", results=tmp_path)
    written = json.loads((tmp_path / "metrics_probe.json").read_text())
    assert {"subset", "data", "leads", "rank1", "rank5", "curve", "n_gallery", "n_probe", "n_persons"} <= set(written)
    assert written["rank1"] == scores["rank1"] and written["descriptor"] == "median_beat"
    described = describe_recordings([ecg_data / "gallery.tsv", ecg_data / "probe.tsv"], "median_beat")
    unit = described.vectors / np.linalg.norm(described.vectors, axis=1, keepdims=True)
    split = len(unit) // 2
    hits = (unit[split:] @ unit[:split].T).argmax(axis=1) == np.arange(split)  # row n of both is the same patient
    assert scores["rank1"] == pytest.approx(hits.mean()) and hits.mean() > 0.5
    with open(tmp_path / "predictions_probe.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["id"] for row in rows] == Manifest(ecg_data / "probe.tsv").column("id")
    assert np.mean([row["rank"] == "1" for row in rows]) == pytest.approx(scores["rank1"])


def test_one_lead_s_covariance_tells_nobody_apart(ecg_data):
    scores = identify(ecg_data, "lead_covariance", ("I",))
    assert scores["rank1"] == 0.0 and scores["leads"] == ["I"]


def test_whitening_is_fitted_on_other_patients_and_said_in_the_metrics(ecg_data, tmp_path):
    scores = identify(ecg_data, "rate_corrected_beat", whiten="pretrain", results=tmp_path)
    paths = [ecg_data / "gallery.tsv", ecg_data / "probe.tsv"]
    fitted = fit_session_whitening(*describe_sessions(ecg_data / "pretrain.tsv", "rate_corrected_beat"))
    gallery, probe = (fitted(describe_recordings([path], "rate_corrected_beat").vectors) for path in paths)
    assert scores["rank1"] == rank1_accuracy(gallery, range(len(gallery)), probe, range(len(probe)))
    assert json.loads((tmp_path / "metrics_probe.json").read_text())["whitened_on"] == "pretrain"
    with pytest.raises(ValueError, match="must be of other patients than those to identify, got"):
        identify(ecg_data, "median_beat", whiten="probe")


def test_diagnosis_by_neighbours_beats_the_prevalence_which_has_an_area_of_one_half(ecg_data, tmp_path):
    near = diagnose(ecg_data, "median_beat", results=tmp_path, neighbours=5, threshold="fit_per_class")
    blind = diagnose(ecg_data, "prevalence")
    assert blind["macro_auc"] == 0.5 and near["macro_auc"] > 0.6
    # Of scores that are all equal the average precision is the share of positives.
    test = Manifest(ecg_data / "test.tsv")
    labels, known = label_matrix(test, test.classes)
    shares = [labels[known[:, c], c].mean() for c in range(labels.shape[1]) if 0 < labels[known[:, c], c].mean() < 1]
    assert blind["macro_average_precision"] == pytest.approx(np.mean(shares))
    assert set(near["threshold"]) == set(test.classes) and blind["threshold"] == 0.5
    written = json.loads((tmp_path / "metrics_test.json").read_text())
    assert written["macro_auc"] == pytest.approx(near["macro_auc"]) and written["neighbours"] == 5
    with open(tmp_path / "predictions_test.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    scores = np.array([[float(row[f"score:{code}"]) for code in test.classes] for row in rows])
    assert macro_auc(labels, scores, known) == pytest.approx(near["macro_auc"], abs=1e-4)


def test_settings_that_cannot_be_are_refused(ecg_data, tmp_path):
    with pytest.raises(ValueError, match=r"subset to identify must end in 'probe'.* got 'test'"):
        identify(ecg_data, "median_beat", subset="test")
    with pytest.raises(FileNotFoundError, match=r"subset must be a manifest in .*train.* got 'other'"):
        diagnose(ecg_data, "median_beat", subset="other")
    with pytest.raises(ValueError, match="threshold must be a number or one of fit, fit_per_class, got 'x'"):
        diagnose(ecg_data, "prevalence", threshold="x")


@pytest.mark.real
def test_median_beats_of_ptbxl_tell_recordings_apart_by_their_halves(real_ecgs):
    files = sorted((real_ecgs("ptbxl") / "records100").rglob("*.hea"))[:60]
    signals = [read_record(path.with_suffix("")).signal for path in files]
    first, last = (
        np.array([median_beat(half, 100.0) for half in halves])
        for halves in ([signal[:, :500] for signal in signals], [signal[:, 500:] for signal in signals])
    )
    assert rank1_accuracy(first, range(len(files)), last, range(len(files))) > 0.9


def test_a_class_may_be_made_of_a_number(tmp_path):
    header = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels\tef"
    for name, numbers in (("train", (20, 30, "", 50, 60)), ("test", (35, 45, "x"))):
        rows = [f"{name}{k}\ts:{k}\t0\t9\t100\t12\tp{name}{k}\t\t{ef}" for k, ef in enumerate(numbers)]
        (tmp_path / f"{name}.tsv").write_text("\n".join([header, *rows]) + "\n")
    found = diagnose(tmp_path, "prevalence", results=tmp_path, classes=["lvsd: ef < 40"])
    assert found["per_class"]["lvsd"]["n_known"] == 2 and found["per_class"]["lvsd"]["auc"] == 0.5
    with open(tmp_path / "predictions_test.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(float(row["score:lvsd"]), row["label:lvsd"]) for row in rows] == [(0.5, "1"), (0.5, "0"), (0.5, "?")]
