"""Files as json, csv and the eye read them."""

import csv
import json
import os

import numpy as np
import pytest

from fairseq_signals.evaluation.identification import match
from fairseq_signals.evaluation.report import write_matches, write_metrics, write_predictions


def rows_of(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")]


def test_metrics_are_json_with_sorted_keys_and_null(tmp_path):
    path = tmp_path / "run" / "metrics_test.json"
    write_metrics(
        path,
        {"z": np.float32(0.5), "a": float("nan"), "m": {"≥80": np.array([1.0, np.nan]), 3: (1, np.int64(2), None)}},
    )
    text = path.read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "a": None,
        "m": {"3": [1, 2, None], "≥80": [1.0, None]},
        "z": 0.5,
    }
    assert text.index('"a"') < text.index('"m"') < text.index('"z"')
    assert os.listdir(path.parent) == ["metrics_test.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    write_metrics(path, {"old": 1})

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_metrics(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1} and os.listdir(tmp_path) == ["metrics.json"]


def test_infinite_metrics_are_refused(tmp_path):
    with pytest.raises(ValueError, match="metrics must be finite or NaN"):
        write_metrics(tmp_path / "m.json", {"x": float("inf")})


def test_predictions_have_one_line_per_recording(tmp_path):
    path = tmp_path / "predictions.tsv"
    scores, labels = [[0.123456789, 1e-7], [0.5, 1]], [[1, 0], [0, 1]]
    write_predictions(path, ["r1", "r2"], ["a|b", "c"], scores, labels, known=[[1, 1], [0, 1]])
    assert rows_of(path) == [
        ["id", "score:a|b", "score:c", "label:a|b", "label:c"],
        ["r1", "0.123457", "1e-07", "1", "0"],
        ["r2", "0.5", "1", "?", "1"],
    ]


@pytest.mark.parametrize(
    ("ids", "classes", "message"),
    [
        (["r1"], ["a", "b"], "got 1 ids"),
        (["r1", "r1"], ["a", "b"], r"got 2 ids \(1 different\)"),
        (["r1", "r2"], ["a"], "and 1 classes"),
        (["r1", "r\t2"], ["a", "b"], "free of tabs and line breaks"),
        (["r1", "r\n2"], ["a", "b"], "free of tabs and line breaks"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(tmp_path, ids, classes, message):
    with pytest.raises(ValueError, match=message):
        write_predictions(tmp_path / "p.tsv", ids, classes, np.ones((2, 2)), np.ones((2, 2)))
    assert not list(tmp_path.iterdir())


def test_matches_name_the_nearest_recording_and_its_patient(tmp_path):
    gallery, probe = [[1, 0], [0, 1.0]], [[1, 0.1], [1, 0.2]]
    matches = match(gallery, ["A", "B"], probe, ["A", "B"])
    write_matches(tmp_path / "p.tsv", matches, ["r3", "r4"], ["A", "B"], ["r1", "r2"], ["A", "B"])
    assert rows_of(tmp_path / "p.tsv")[2][:4] == ["r4", "B", "r1", "A"]
    with (tmp_path / "p.tsv").open() as file:
        first, second = csv.DictReader(file, delimiter="\t")
    assert (first["id"], first["nearest"], first["nearest_patient"], first["rank"]) == ("r3", "r1", "A", "1")
    assert (second["id"], second["nearest"], second["patient"], second["rank"]) == ("r4", "r1", "B", "2")
    assert float(second["similarity"]) == pytest.approx(1 / np.hypot(1, 0.2), abs=1e-5)
    assert float(second["own_similarity"]) == pytest.approx(0.2 / np.hypot(1, 0.2), abs=1e-5)
    with pytest.raises(ValueError, match="got 2 matches, 1 ids"):
        write_matches(tmp_path / "p.tsv", matches, ["r3"], ["A", "B"], ["r1", "r2"], ["A", "B"])
