"""A class made of a number by a rule: trained, kept by the lowest validation loss, scored, predicted and refused."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.inference import TrainedModel

TASK = ["--task", "ecg_classification"]
RULE = "lvsd: ef < 40 missing -1"
KINDS = ("", "n/a", "-1", "25", "38.5", "40", "55", "62", "31", "47")


@pytest.fixture(scope="module")
def data(ecg_data, tmp_path_factory):
    """Prepared data whose manifests have a column ef; `plain` beside them has none."""
    folder = tmp_path_factory.mktemp("numbers") / "data"
    shutil.copytree(ecg_data, folder)
    shutil.copy(folder / "test.tsv", folder / "plain.tsv")
    for name in ("train", "valid", "test"):
        header, *rows = (folder / f"{name}.tsv").read_text().splitlines()
        rows = [f"{row}\t{KINDS[place % len(KINDS)]}" for place, row in enumerate(rows)]
        (folder / f"{name}.tsv").write_text("\n".join([f"{header}\tef", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(data, arguments, run_command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    more = ["--encoder", "xresnet1d18", "--pretrained", "random", "--classes", RULE, "--max-epoch", 4, "--lr", "3e-2"]
    best = ["--best-checkpoint-metric", "loss", "--log-format", "json", "--threshold", "fit"]
    done = run_command("fairseq-train", data, *arguments["diagnosis"], *more, *best, "--save-dir", folder)
    return folder, done.stdout


def truth(data, subset, cut=40.0):
    cells = Manifest(data / f"{subset}.tsv").column("ef")
    known = np.array([cell not in ("", "n/a", "-1") for cell in cells])
    return np.array([sure and float(cell) < cut for cell, sure in zip(cells, known, strict=True)]), known


def test_the_weights_of_the_lowest_validation_loss_are_kept(run):
    folder, out = run
    logged = [json.loads(line[line.index("{") :]) for line in out.splitlines() if '"valid_loss"' in line]
    losses = [float(line["valid_loss"]) for line in logged]
    assert len(losses) == 4 and all("valid_macro_auc" in line for line in logged)
    state = torch.load(folder / "checkpoint_best.pt", weights_only=True)
    assert state["extra_state"]["best"] == pytest.approx(min(losses), abs=1e-3)
    best = logged[losses.index(min(losses))]
    assert state["optimizer_history"][-1]["num_updates"] == int(best["valid_num_updates"])
    assert losses[-1] > min(losses)  # else it would be the last one's by chance
    assert state["cfg"]["task"]["classes"] == [RULE] and state["cfg"]["model"]["n_classes"] == 1


def test_what_the_column_holds_is_told(run):
    assert "train.tsv: ef: from 25 to 62; unknown: " in run[1] and "lvsd " in run[1]


def test_scores_and_labels_are_those_of_the_numbers(run, data, validate, tmp_path):
    checkpoint = run[0] / "checkpoint_best.pt"
    more = ["--valid-subset", "valid,test", "--batch-size", 8, "--results-path", tmp_path]
    validate(data, checkpoint, *TASK, *more)
    with open(tmp_path / "predictions_test.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    label, known = truth(data, "test")
    assert [row["label:lvsd"] for row in rows] == np.where(known, np.where(label, "1", "0"), "?").tolist()
    found = json.loads((tmp_path / "metrics_test.json").read_text())
    scores = np.array([float(row["score:lvsd"]) for row in rows])
    assert found["macro_auc"] == pytest.approx(roc_auc_score(label[known], scores[known]), abs=1e-4)
    assert found["rules"] == {"lvsd": RULE} and list(found["per_class"]) == ["lvsd"]
    model = TrainedModel(checkpoint)
    assert (model.classes, model.definitions) == (["lvsd"], [RULE])
    np.testing.assert_allclose(model.predict(data / "test.tsv", progress=False)[:, 0], scores, atol=1e-5)


def test_another_cut_off_needs_no_new_preparation(run, data, validate, tmp_path):
    rule = ["--classes", "lvsd: ef < 50 missing -1", "--threshold", "0.5", "--batch-size", 8]
    validate(data, run[0] / "checkpoint_best.pt", *TASK, *rule, "--valid-subset", "test", "--results-path", tmp_path)
    label, known = truth(data, "test", 50.0)
    found = json.loads((tmp_path / "metrics_test.json").read_text())["per_class"]["lvsd"]
    assert (found["n_positive"], found["n_known"]) == ((label & known).sum(), known.sum())


def test_a_manifest_without_the_column_is_refused_with_the_columns_it_has(run, data, validate):
    with pytest.raises(ValueError, match=r"column ef, .*, must be in the manifest, got the columns id, ecg, .*plain"):
        validate(data, run[0] / "checkpoint_best.pt", *TASK, "--valid-subset", "plain", "--batch-size", 8)


def test_two_cut_offs_of_one_column_stand_beside_a_code(fairseq_parts, data, arguments, caplog):
    code = Manifest(data / "train.tsv").classes[0]
    classes = f"lvsd: ef < 40 missing -1,{code},reduced: ef < 50"
    random = ["--pretrained", "random", "--encoder", "xresnet1d18", "--head-bias", "prevalence"]
    _, task, model, _ = fairseq_parts(data, *arguments["diagnosis"], *random, "--classes", classes)
    assert task.classes == ["lvsd", code, "reduced"]
    task.load_dataset("train", combine=True)
    labels, known = task._known["train"]
    for column, cut in ((0, 40.0), (2, 50.0)):
        expected = truth(data, "train", cut)
        assert (labels[:, column] == expected[0]).all() and (known[:, column] == expected[1]).all()
    share = labels[:, 0].sum() / known[:, 0].sum()
    assert model.head.bias[0].sigmoid().item() == pytest.approx(share, rel=1e-4)
    task.load_state_dict(task.state_dict() | {"rules": {"lvsd": "lvsd: ef <= 35", "reduced": "reduced: ef < 50"}})
    assert "class lvsd is told by 'lvsd: ef < 40 missing -1' here, by 'lvsd: ef <= 35' in the" in caplog.text
    assert "class reduced" not in caplog.text


def test_a_rule_that_leaves_one_class_is_not_trained_on(fairseq_parts, data, arguments, caplog):
    random = ["--pretrained", "random", "--encoder", "xresnet1d18"]
    _, task, _, _ = fairseq_parts(data, *arguments["diagnosis"], *random, "--classes", "rare: ef < 24")
    _, known = truth(data, "train")
    with pytest.raises(ValueError, match=rf"one class must have .*, got rare 0 with, {known.sum()} without \(train in"):
        task.load_dataset("train", combine=True)
    task.load_dataset("valid")  # which says so, and is scored as far as it can be
    assert "valid.tsv: ef: rare applies to none of" in caplog.text
    code = Manifest(data / "train.tsv").classes[0]
    _, task, _, _ = fairseq_parts(data, *arguments["diagnosis"], *random, "--classes", f"{code},rare: ef < 24")
    caplog.clear()
    task.load_dataset("train", combine=True)
    assert "train.tsv: ef: rare applies to none of" in caplog.text
