"""Diagnosis by `fairseq-train` and `fairseq-validate`: every row once, thresholds from validation, honest refusals."""

import csv
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fairseq.logging import metrics
from sklearn.metrics import log_loss, roc_auc_score

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.evaluation.cinc2021 import challenge_score, expand

TASK = ["--task", "ecg_classification"]


@pytest.fixture(scope="module")
def run(pretrained, ecg_data, arguments, run_command, tmp_path_factory):
    """A model trained for one epoch with thresholds fitted by class, its pre-training file gone."""
    folder = tmp_path_factory.mktemp("diagnosis")
    start = shutil.copy(pretrained, folder / "start.pt")
    more = ["--pretrained", start, "--threshold", "fit_per_class", "--max-epoch", 1, "--freeze-updates", 2]
    metric = ["--best-checkpoint-metric", "macro_auc", "--maximize-best-checkpoint-metric"]
    done = run_command("fairseq-train", ecg_data, *arguments["diagnosis"], *more, *metric, "--save-dir", folder)
    (folder / "start.pt").unlink()
    return folder / "checkpoint_last.pt", done.stdout


def table(folder, subset):
    with open(folder / f"predictions_{subset}.tsv") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_training_says_what_it_loaded(run):
    assert "tensors (" in run[1] and "into Wav2Vec2Encoder" in run[1]


def test_the_checkpoint_is_safe_and_holds_every_setting(run):
    state = torch.load(run[0], weights_only=True)
    cfg = state["cfg"]
    assert {type(value) for value in walk(cfg)} <= {str, int, float, bool, type(None)}
    assert cfg["model"]["encoder"]["layers"] == 3 and cfg["model"]["n_classes"] == len(cfg["task"]["classes"]) == 23
    assert cfg["model"]["preprocess"]["normalise"] == "none" and cfg["task"]["transforms"] == []


def walk(value):
    if isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from walk(item)
    else:
        yield value


def test_thresholds_are_fitted_on_validation_kept_and_used_on_the_test_set(run, ecg_data, validate, tmp_path):
    validate(ecg_data, run[0], *TASK, "--valid-subset", "valid,test", "--batch-size", 8, "--results-path", tmp_path)
    valid, test = (json.loads((tmp_path / f"metrics_{name}.json").read_text()) for name in ("valid", "test"))
    state = torch.load(run[0], weights_only=True)["task_state"]
    kept = dict(zip(state["classes"], state["thresholds"], strict=True))
    assert test["threshold"] == pytest.approx(kept) == valid["threshold"]
    assert len(set(kept.values())) > 1
    # The scores of training's last validation are those of the checkpoint on the same subset.
    line = next(line for line in run[1].splitlines() if "| valid |" in line).split(" | ")
    logged = dict(part.split(" ", 1) for part in line if part.count(" ") == 1)
    assert float(logged["macro_auc"]) == pytest.approx(valid["macro_auc"], abs=1e-3)
    assert float(logged["macro_f1"]) == pytest.approx(valid["macro_f1"], abs=1e-3)


def test_a_number_asked_for_replaces_the_fitted_thresholds(run, ecg_data, validate, tmp_path):
    more = ["--valid-subset", "test", "--batch-size", 8, "--results-path", tmp_path, "--threshold", "0.25"]
    validate(ecg_data, run[0], *TASK, *more)
    assert json.loads((tmp_path / "metrics_test.json").read_text())["threshold"] == 0.25


def test_thresholds_fitted_in_another_way_than_asked_for_are_fitted_anew_or_refused(run, ecg_data, validate, tmp_path):
    more = ["--batch-size", 8, "--threshold", "fit", "--results-path", tmp_path, "--valid-subset"]
    with pytest.raises(
        ValueError, match=r"threshold must be a number, or fitted before on a subset named valid.*'fit'"
    ):
        validate(ecg_data, run[0], *TASK, *more, "test")
    validate(ecg_data, run[0], *TASK, *more, "valid,test")
    valid, test = (json.loads((tmp_path / f"metrics_{name}.json").read_text()) for name in ("valid", "test"))
    assert isinstance(test["threshold"], float) and test["threshold"] == valid["threshold"]


@pytest.fixture(scope="module")
def subsets(ecg_data, tmp_path_factory):
    """Data whose manifests hold the first n recordings of the validation set, three of them without labels."""
    folder = tmp_path_factory.mktemp("subsets") / "data"
    shutil.copytree(ecg_data, folder)
    lines = [line.split("\t") for line in (ecg_data / "valid.tsv").read_text().splitlines()]
    for line in lines[1:4]:
        line[lines[0].index("labels")] = "-"
    for number in (1, 5, 7, 8, 9, 15):
        rows = "\n".join("\t".join(line) for line in lines[: number + 1])
        (folder / f"first{number}.tsv").write_text(rows + "\n")
    return folder


@pytest.mark.parametrize(("number", "size"), [(1, 8), (5, 7), (7, 7), (8, 7), (9, 8), (15, 1), (15, 64)])
def test_every_row_has_exactly_one_prediction(run, subsets, validate, tmp_path, number, size):
    subset = f"first{number}"
    validate(subsets, run[0], *TASK, "--valid-subset", subset, "--batch-size", size, "--results-path", tmp_path)
    manifest = Manifest(subsets / f"{subset}.tsv")
    rows = table(tmp_path, subset)
    assert [row["id"] for row in rows] == manifest.column("id")
    unlabelled = [all(row[name] == "?" for name in row if name.startswith("label:")) for row in rows]
    assert unlabelled == [place < 3 for place in range(number)]


def test_scores_are_those_of_the_mean_probability_of_a_recordings_windows(run, ecg_data, validate, tmp_path):
    from fairseq import checkpoint_utils

    scores = validate(ecg_data, run[0], *TASK, "--valid-subset", "test", "--batch-size", 7, "--results-path", tmp_path)
    (model,), _, task = checkpoint_utils.load_model_ensemble_and_task([str(run[0])])
    model.eval()
    windows, manifest = WindowDataset(ecg_data / "test.tsv", 100, 5), Manifest(ecg_data / "test.tsv")
    labels, _ = label_matrix(manifest, task.classes)
    signals = [windows[place] for place in range(len(windows))]
    with torch.no_grad():
        volts = torch.cat([batch["source"] * batch["nanovolts"][:, None, None] * 1e-6 for batch in signals])
        logits = model(volts.float())["logits"].double()
    owner = torch.cat([batch["recording"] for batch in signals])
    means = np.stack([logits[owner == row].sigmoid().mean(dim=0).numpy() for row in range(len(manifest))])
    assert len(windows) == 2 * len(manifest)
    written = table(tmp_path, "test")
    found = np.array([[float(row[f"score:{name}"]) for name in task.classes] for row in written])
    np.testing.assert_allclose(found, means, atol=2e-6)
    both = [place for place in range(23) if 0 < labels[:, place].sum() < len(labels)]
    auc = np.mean([roc_auc_score(labels[:, place], means[:, place]) for place in both])
    assert scores["macro_auc"] == pytest.approx(auc, abs=1e-3)
    # The paper's unit: each window by itself beside its recording's labels.
    chances, kept = logits.sigmoid().numpy(), json.loads((tmp_path / "metrics_test.json").read_text())
    auc = np.mean([roc_auc_score(labels[owner][:, place], chances[:, place]) for place in both])
    assert kept["macro_auc_windows"] == pytest.approx(auc, abs=1e-3)
    assert scores["macro_auc_windows"] == pytest.approx(kept["macro_auc_windows"], abs=1e-4)
    assert kept["n_windows"] == len(windows) and kept["n_recordings"] == len(manifest)
    assert "cinc_score" not in kept and "cinc_score_windows" not in kept  # classes beside the challenge's
    expected = log_loss(labels[owner].ravel(), logits.sigmoid().numpy().ravel())
    assert scores["loss"] == scores["bce"] == pytest.approx(expected, abs=1e-3)


def test_every_window_counts_once_for_the_papers_unit_in_whatever_order_they_come(fairseq_parts, ecg_data, arguments):
    codes = ["164889003", "426783006", "427084000"]
    more = ["--classes", ",".join(codes), "--threshold", "0.9"]
    task = fairseq_parts(ecg_data, *arguments["diagnosis"], *arguments["random"], *more)[1]
    task.load_dataset("test")
    windows = task.datasets["test"].windows
    random = np.random.default_rng(0)
    order = random.permutation(np.append(np.arange(len(windows)), [3, 7, 7]))  # some ranks repeat some
    items = [windows[place] for place in order]
    chances = random.random((len(windows), 3)).astype(np.float32)
    places = [torch.cat([item[name] for item in items]).numpy() for name in ("recording", "window")]
    task._outputs["test"] = SimpleNamespace(gathered=lambda: (*places, chances[order]))
    task._arrived["test"] = len(order)
    with metrics.aggregate() as logged:
        task._finish("test")
    labels, _ = label_matrix(Manifest(ecg_data / "test.tsv"), codes)
    truth = np.array([labels[int(windows[place]["recording"])] for place in range(len(windows))])
    expected = challenge_score(expand(truth, codes), expand(chances >= 0.5, codes))
    assert logged.get_smoothed_value("cinc_score_windows") == pytest.approx(expected, abs=1e-4)
    assert logged.get_smoothed_value("macro_auc_windows") == pytest.approx(roc_auc_score(truth, chances), abs=1e-4)
    assert abs(logged.get_smoothed_value("cinc_score") - expected) > 0.01  # of recordings, decided at 0.9


def test_fewer_leads_and_another_subset_by_the_same_command(run, ecg_data, validate, tmp_path):
    for leads in ("12", "1"):
        more = ["--leads", leads, "--results-path", tmp_path / leads]
        validate(ecg_data, run[0], *TASK, "--valid-subset", "test", "--batch-size", 8, *more)
    one, twelve = (json.loads((tmp_path / leads / "metrics_test.json").read_text()) for leads in ("1", "12"))
    assert one["leads"] == ["I"] and len(twelve["leads"]) == 12
    assert table(tmp_path / "1", "test") != table(tmp_path / "12", "test")


def test_an_incomplete_evaluation_fails(run, ecg_data, validate, monkeypatch, tmp_path):
    from fairseq_signals.tasks.window_batches import WindowBatches

    order = WindowBatches.ordered_indices
    monkeypatch.setattr(WindowBatches, "ordered_indices", lambda self: order(self)[:-1])
    more = ["--valid-subset", "test", "--batch-size", 8, "--results-path", tmp_path]
    with pytest.raises(ValueError, match="predictions must cover every window of the 22 recordings, got 1 of 44"):
        validate(ecg_data, run[0], *TASK, *more)
    assert not list(tmp_path.iterdir())


def test_a_window_that_comes_twice_counts_once(run, ecg_data, validate, monkeypatch, tmp_path):
    from fairseq_signals.tasks.window_batches import WindowBatches

    more = ["--valid-subset", "test", "--batch-size", 8, "--results-path"]
    validate(ecg_data, run[0], *TASK, *more, tmp_path / "once")
    order = WindowBatches.ordered_indices
    monkeypatch.setattr(WindowBatches, "ordered_indices", lambda self: np.append(order(self), order(self)[:5]))
    validate(ecg_data, run[0], *TASK, *more, tmp_path / "twice")
    assert table(tmp_path / "once", "test") == table(tmp_path / "twice", "test")


def test_other_classes_than_the_checkpoints_are_refused(run, ecg_data, validate):
    classes = torch.load(run[0], weights_only=True)["task_state"]["classes"]
    swapped = ",".join([classes[1], classes[0], *classes[2:]])
    with pytest.raises(ValueError, match=r"classes must be the checkpoint's \(.*got"):
        validate(ecg_data, run[0], *TASK, "--valid-subset", "test", "--batch-size", 8, "--classes", swapped)


def test_a_checkpoint_without_some_leads_is_not_evaluated_on_others(fairseq_parts, ecg_data, arguments):
    def task(*leads):
        return fairseq_parts(ecg_data, *arguments["diagnosis"], *arguments["random"], "--leads", *leads)[1]

    kept = task("I,II,V2", "--drop-leads").state_dict()
    with pytest.raises(ValueError, match=r"trained on, I, II, V2 \(drop_leads\), got aVR, V5, V6 \(drop_leads\)"):
        task("aVR,V5,V6", "--drop-leads").load_state_dict(kept)
    task("3", "--drop-leads").load_state_dict(kept)
    task("1").load_state_dict(task("12").state_dict())  # the other leads are zero: the encoder has all twelve
    del kept["encoder_leads"]  # as in older checkpoints
    task("3", "--drop-leads").load_state_dict(kept)


def test_a_label_outside_the_class_list_is_refused(run, ecg_data, validate, tmp_path):
    shutil.copytree(ecg_data, tmp_path / "data")
    path = tmp_path / "data" / "test.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    lines[3][lines[0].index("labels")] = "164889003,999"
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    with pytest.raises(
        ValueError, match=r"label must be in the class list of dataset.yaml, got '999' \(.*test.tsv, line 4"
    ):
        validate(tmp_path / "data", run[0], *TASK, "--valid-subset", "test", "--batch-size", 8)


def test_a_threshold_that_is_no_probability_is_refused(fairseq_parts, ecg_data, arguments):
    for word in ("1.5", "fitted"):
        with pytest.raises(ValueError, match=f"threshold must be a number from 0 to 1 or one of fit, .*got '{word}'"):
            fairseq_parts(ecg_data, *arguments["diagnosis"], *arguments["random"], "--threshold", word)


def test_classes_that_a_data_set_does_not_list_are_unknown_there(fairseq_parts, ecg_data, arguments):
    more = ["--classes", "164889003,12345", "--train-subset", "train"]
    _, task, model, _ = fairseq_parts(ecg_data, *arguments["diagnosis"], *arguments["random"], *more)
    task.load_dataset("test")
    labels = task.datasets["test"].windows.labels
    expected, _ = label_matrix(Manifest(ecg_data / "test.tsv"), ["164889003"])
    assert (labels[:, 1] == 2).all() and (labels[:, 0] == expected[:, 0]).all() and model.head.out_features == 2


def test_a_class_to_train_on_that_no_data_lists_stops_the_run(ecg_data, run_command, arguments, tmp_path):
    listed = Manifest(ecg_data / "train.tsv").classes
    wrong = ["--classes", f"{listed[0]},427084001", "--max-update", 1, "--save-dir", tmp_path]
    done = run_command("fairseq-train", ecg_data, *arguments["diagnosis"], *arguments["random"], *wrong, fails=True)
    assert "classes to train on must be listed in dataset.yaml, got 427084001" in done.stderr.splitlines()[-1]
