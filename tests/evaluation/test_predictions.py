"""Predictions read back as they were written, and the refusal of runs that do not fit each other."""

import json

import numpy as np
import pytest

from fairseq_signals.evaluation.diagnosis import diagnosis_scores
from fairseq_signals.evaluation.predictions import read_predictions, read_results_folder, require_same
from fairseq_signals.evaluation.report import write_metrics, write_predictions

CLASSES = ("AFIB", "RAO/RAE", "PRC(S)")


def tables(seed=0):
    draws = np.random.default_rng(seed)
    labels = np.random.default_rng(100).random((30, 3)) < 0.4
    known = np.random.default_rng(101).random((30, 3)) < 0.9
    return labels & known, known, draws.random((30, 3))


def write(folder, seed=0, ids=None, classes=CLASSES):
    labels, known, scores = tables(seed)
    ids = [f"r{number}" for number in range(30)] if ids is None else ids
    write_metrics(folder / "metrics_test.json", diagnosis_scores(labels, known, scores, classes))
    write_predictions(folder / "predictions_test.tsv", ids, classes, scores, labels, known)
    return folder


def test_what_was_written_is_read(tmp_path):
    labels, known, scores = tables()
    found = read_results_folder(write(tmp_path))
    assert found.classes == CLASSES and found.ids == tuple(f"r{number}" for number in range(30))
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.known, known)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5)


def test_numbers_among_the_metrics_are_found_by_name(tmp_path):
    found = read_results_folder(write(tmp_path))
    assert found.metric("macro_f1") == json.loads((tmp_path / "metrics_test.json").read_text())["macro_f1"]
    with pytest.raises(ValueError, match=r"metrics \(.*macro_auc.*\), got 'per_class'"):
        found.metric("per_class")
    with pytest.raises(ValueError, match=r"metrics \(none\), got 'macro_auc'"):
        read_predictions(found.path).metric("macro_auc")


def test_metrics_of_another_run_are_refused(tmp_path):
    write(tmp_path)
    labels, known, scores = tables(1)
    write_metrics(tmp_path / "metrics_test.json", diagnosis_scores(labels, known, scores, CLASSES))
    with pytest.raises(ValueError, match=r"metrics must be of the predictions beside them .*metrics_test\.json"):
        read_results_folder(tmp_path)
    (tmp_path / "metrics_test.json").write_text(json.dumps({"rank1": 0.5}))
    with pytest.raises(ValueError, match="metrics must be JSON with macro_auc and n_recordings, got KeyError"):
        read_results_folder(tmp_path)
    (tmp_path / "metrics_test.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"must have metrics_test\.json, got none in"):
        read_results_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"must have predictions_valid\.tsv, got none in"):
        read_predictions(tmp_path / "predictions_valid.tsv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("score:AFIB", "AFIB", "must have the columns id, score:CLASS"),
        ("\nr3\t", "\nr2\t", "recordings must differ in id, got r2 twice"),
        ("\nr3\t", "\nr3\tx", r"numbers and 1, 0 or \?, got could not convert.*line 5"),
        ("\nr3\t", "\nr3\t0.5\t", r"must have 7 cells, got 8 .*line 5"),
        ("\nr3\t0.", "\nr3\t1e999", r"scores must be finite, got another .*line 5"),
        ("\t1\n", "\tyes\n", r"numbers and 1, 0 or \?, got 'yes'"),
    ],
)
def test_another_table_is_refused(tmp_path, old, new, message):
    path = write(tmp_path) / "predictions_test.tsv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_predictions(path)


def test_runs_of_the_same_recordings_are_put_in_one_order(tmp_path):
    first = read_results_folder(write(tmp_path / "a"))
    second = read_results_folder(write(tmp_path / "b", seed=1))
    lines = second.path.read_text().splitlines()
    second.path.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    turned = read_results_folder(tmp_path / "b")
    assert turned.ids[0] == "r29"
    (_, found) = require_same({"x": [first, turned]})["x"]
    assert found.ids == first.ids
    np.testing.assert_array_equal(found.scores, second.scores)


def test_runs_that_differ_are_refused_by_name(tmp_path):
    first = read_results_folder(write(tmp_path / "a"))
    others = {
        "same classes, got AFLT, PRC": write(tmp_path / "b", classes=("AFIB", "RAO/RAE", "AFLT")),
        "classes, got the same in another order": write(tmp_path / "c", classes=CLASSES[::-1]),
        "recordings, got 2 in one of them only: r0, x": write(tmp_path / "d", ids=["x", *first.ids[1:]]),
        "recordings, got 60 in one of them only: .* and others": write(tmp_path / "e", ids=list(map(str, range(30)))),
        # the labels of two recordings change places
        "labels, got .* that differ, the first of recording r": write(tmp_path / "f", ids=first.ids[::-1]),
    }
    for message, folder in others.items():
        with pytest.raises(ValueError, match=rf"{message}.*{folder.name}/predictions_test\.tsv and .*a/predictions"):
            require_same({"x": [first], "y": [read_results_folder(folder)]})
    with pytest.raises(ValueError, match="at least one, got none"):
        require_same({})
