"""The thin entry points for comparisons, run as a user runs them."""

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.evaluation.diagnosis import diagnosis_scores
from fairseq_signals.evaluation.report import write_metrics, write_predictions

ROOT = Path(__file__).parents[2]
CLASSES = ("AFIB", "LAO/LAE", "NORM")
IDS = [f"r{number}" for number in range(40)]


def run(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def refused(script, capsys, *arguments):
    """What a script says to stderr when it refuses its arguments; called in this process, which is quicker."""
    specification = importlib.util.spec_from_file_location(f"scripts_{script[:-3]}", ROOT / "scripts" / script)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    with pytest.raises(SystemExit) as ended:
        module.main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


def results(folder, strength, seed, ids=IDS):
    labels = np.random.default_rng(0).random((40, 3)) < (0.2, 0.3, 0.5)
    logits = np.random.default_rng(1).normal(size=(40, 3)) + strength * labels
    scores = 1 / (1 + np.exp(-logits - 0.2 * np.random.default_rng(seed).normal(size=(40, 3))))
    write_metrics(folder / "metrics_test.json", diagnosis_scores(labels, None, scores, CLASSES))
    write_predictions(folder / "predictions_test.tsv", ids, CLASSES, scores, labels)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    strengths = {"s1": 0.3, "s2": 0.4, "p1": 2.0, "p2": 2.2}
    return {name: results(root / name, value, seed) for seed, (name, value) in enumerate(strengths.items())}


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_a_comparison_by_patients_is_printed_and_written(folders, tmp_path):
    columns = "id ecg start length rate leads patient labels".split()
    cells = [[name, name, 0, 10, 100, 12, f"p{number // 2}", "-"] for number, name in enumerate(IDS)]
    lines = ["\t".join(map(str, line)) for line in (columns, *cells)]
    (tmp_path / "test.tsv").write_text("\n".join(lines) + "\n")
    runs = [f"{label}={folders[name]}" for label, name in
            (("supervised", "s1"), ("supervised", "s2"), ("cpc (all)", "p1"), ("cpc (all)", "p2"))]  # fmt: skip
    out = tmp_path / "new" / "tables"
    options = ["--baseline", "supervised", "--resamples", 200, "--by", "patient", "--data", tmp_path]
    done = run("compare.py", *runs, "--output", out, *options)
    assert done.returncode == 0, done.stderr
    assert "resampling patients 200 times (seed 1)" in done.stdout and "100%, 0%" in done.stdout
    assert (out / "comparison.txt").read_text().strip() in done.stdout
    first, second = rows_of(out / "comparison.tsv")
    assert (first["label"], first["runs"], second["label"]) == ("supervised", "2", "cpc (all)")
    assert float(second["difference_lower"]) > 0
    assert {row["class"] for row in rows_of(out / "gains_cpc (all).tsv")} == set(CLASSES)
    assert (out / "gains_cpc (all).png").stat().st_size > 5000


def test_a_refusal_ends_a_command_without_a_traceback(folders, tmp_path):
    done = run("compare.py", f"x={tmp_path / 'none'}", "--output", tmp_path)
    assert done.returncode == 2 and "must have metrics_test.json" in done.stderr and "Traceback" not in done.stderr


def test_a_plain_comparison_without_baseline(folders, tmp_path):
    done = run("compare.py", f"x={folders['p1']}", "--output", tmp_path, "--resamples", 50, "--plain")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.tsv", "comparison.txt"]


def test_what_does_not_fit_ends_in_one_clear_sentence(folders, tmp_path, capsys):
    other = results(tmp_path / "other", 1.0, 9, ids=["x", *IDS[1:]])
    good = f"a={folders['s1']}"
    wrong = {
        "runs must have the same recordings, got 2 in one of them only: r0, x": [good, f"b={other}"],
        "run must be LABEL=FOLDER": [str(folders["s1"])],
        "runs must be different folders": [good, f"b={folders['s1']}"],
        "must have metrics_test.json, got none in": [f"a={tmp_path}"],
        "baseline must be one of a, got 'b'": [good, "--baseline", "b"],
        "by patient must come with --data": [good, "--by", "patient"],
        "patients must stand in a manifest, got none at": [good, "--by", "patient", "--data", str(tmp_path)],
    }
    for message, arguments in wrong.items():
        assert message in refused("compare.py", capsys, "--output", tmp_path / "tables", *arguments)
    assert not (tmp_path / "tables").exists()


def test_label_efficiency_is_printed_and_written(folders, tmp_path):
    names = {"supervised:8": "s2", "supervised:4": "s1", "cpc:1": "p1", "cpc:8": "p2"}
    runs = [f"{name}={folders[folder]}" for name, folder in names.items()]
    done = run("label_efficiency.py", *runs, "--output", tmp_path, "--baseline", "supervised")
    assert done.returncode == 0, done.stderr
    assert "cpc reaches supervised with 8 folds" in done.stdout and "already at 1" in done.stdout
    rows = rows_of(tmp_path / "label_efficiency.tsv")
    assert [(row["label"], row["folds"]) for row in rows] == [
        ("supervised", "4"), ("supervised", "8"), ("cpc", "1"), ("cpc", "8")
    ]  # fmt: skip
    assert (tmp_path / "label_efficiency.txt").is_file() and (tmp_path / "label_efficiency.png").is_file()


def test_label_efficiency_refuses_what_does_not_fit(folders, tmp_path, capsys):
    other = results(tmp_path / "other", 1.0, 9, ids=["x", *IDS[1:]])
    good = f"a:8={folders['s1']}"
    wrong = {
        "run must be LABEL:FOLDS=FOLDER with at least one fold, got 'a=": [f"a={folders['s1']}"],
        "at least one fold, got 'a:0=": [f"a:0={folders['s1']}"],
        "runs must have the same recordings": [good, f"a:4={other}"],
        "metric must be a number of the run's metrics": [good, "--metric", "rank1"],
    }
    for message, arguments in wrong.items():
        options = "--output", tmp_path / "tables", "--baseline", "a"
        assert message in refused("label_efficiency.py", capsys, *options, *arguments)
    assert not (tmp_path / "tables").exists()
