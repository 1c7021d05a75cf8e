"""The table of results, read back and by eye."""

import csv

import pytest

from fairseq_signals.evaluation.results import read_results, results_table, write_results


def result(**changes):
    return {"task": "diagnosis", "leads": "12", "init": "random", "metric": "macro_auc", "value": 0.5} | changes


def test_results_come_back_as_written(tmp_path):
    rows = [result(value=0.123456), result(leads="1"), result(init="pretrained", value=-1.0)]
    write_results(tmp_path / "results.tsv", rows)
    assert read_results(tmp_path / "results.tsv") == rows
    with (tmp_path / "results.tsv").open() as file:
        lines = list(csv.reader(file, delimiter="\t"))
    assert lines[:2] == [
        ["task", "leads", "init", "metric", "value"],
        ["diagnosis", "12", "random", "macro_auc", "0.123456"],
    ]


def test_table_has_a_column_for_each_lead_set():
    rows = [
        result(value=0.91234),
        result(leads="1", value=0.7),
        result(task="identification", metric="rank1", value=float("nan")),
    ]
    assert results_table(rows).splitlines() == [
        "task            metric     init    12 leads  1 lead",
        "diagnosis       macro_auc  random     0.912   0.700",
        "identification  rank1      random       nan",
    ]


def test_results_that_say_the_same_or_too_little_are_refused(tmp_path):
    with pytest.raises(ValueError, match="got diagnosis 12 random macro_auc twice"):
        results_table([result(), result(value=0.7, leads=12)])
    with pytest.raises(ValueError, match="result must have task, leads, init, metric, value, got task"):
        write_results(tmp_path / "r.tsv", [result(seed=1)])
    (tmp_path / "r.tsv").write_text("task\tleads\tinit\tmetric\tvalue\na\t1\tb\tc\tmany\n")
    with pytest.raises(ValueError, match=r"could not convert .*many.*r\.tsv"):
        read_results(tmp_path / "r.tsv")
    (tmp_path / "r.tsv").write_text("task\tvalue\na\t1\n")
    with pytest.raises(ValueError, match=r"result must have .* got task, value .*r\.tsv"):
        read_results(tmp_path / "r.tsv")
