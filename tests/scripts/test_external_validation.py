"""One command tests models on several cohorts by a class made of a number, and refuses people who were trained on."""

import csv
import logging
import re
import shutil

import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import roc_auc_score

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.inference import TrainedModel, predict
from fairseq_signals.models.ecg_model import plain
from scripts.external_validation import main

RULE = "lvsd: ef < 40"


@pytest.fixture(scope="module")
def data(ecg_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("external") / "data"
    shutil.copytree(ecg_data, folder)
    for name in ("train", "valid", "test"):
        header, *rows = (folder / f"{name}.tsv").read_text().splitlines()
        rows = [f"{row}\t{30 + 7 * (place % 5) if place % 6 else ''}" for place, row in enumerate(rows)]
        (folder / f"{name}.tsv").write_text("\n".join([f"{header}\tef", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def checkpoints(data, fairseq_parts, arguments, tmp_path_factory):
    """Two untrained models as training would save them."""
    found = []
    for name, seed in (("one", 1), ("two", 2)):
        random = ["--pretrained", "random", "--encoder", "xresnet1d18", "--classes", RULE, "--seed", seed]
        cfg, _, model, _ = fairseq_parts(data, *arguments["diagnosis"], *random)
        keys = ("data", "leads", "drop_leads", "rate", "window_seconds", "classes")
        task = {key: plain(cfg.task[key]) for key in keys}
        saved = {"model": plain(cfg.model), "task": task, "dataset": {"train_subset": "train", "valid_subset": "valid"}}
        path = tmp_path_factory.mktemp(name) / "best.pt"
        torch.save({"model": dict(model.state_dict()), "cfg": saved}, path)
        found.append(path)
    return found


def test_models_are_tested_on_cohorts_by_one_command(data, checkpoints, tmp_path, capsys):
    models = [f"{name}={path}" for name, path in zip(("one", "two"), checkpoints, strict=True)]
    cohorts = [f"val={data / 'valid'}", f"far={data}"]
    main([*models, "--data", *cohorts, "--operating-point", "sensitivity=0.8@val", "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert printed.startswith((tmp_path / "external_validation.txt").read_text().rstrip())
    assert "NOT INDEPENDENT: 23 of 23 recordings are of its validation" in printed
    with open(tmp_path / "external_validation.tsv") as file:
        lines = {(line["model"], line["cohort"]): line for line in csv.DictReader(file, delimiter="\t")}
    cells = Manifest(data / "test.tsv").column("ef")
    known = np.array([cell != "" for cell in cells])
    label = np.array([cell != "" and float(cell) < 40 for cell in cells])
    for model, path in zip(("one", "two"), checkpoints, strict=True):
        score = predict(path, data / "test.tsv", progress=False)[:, 0]
        line = lines[model, "far"]
        assert float(line["auroc"]) == pytest.approx(roc_auc_score(label[known], score[known]), abs=1e-5)
        assert float(line["sensitivity"]) == pytest.approx(
            (score[known & label] >= float(line["threshold"])).mean(), abs=1e-5
        )
        assert float(lines[model, "val"]["sensitivity"]) >= 0.8 and line["remarks"].startswith("outcome unknown of")
    names = {"external_validation.txt", "external_validation.tsv", "roc.png", "calibration.png", "one", "two"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--data", "seen={data}/train"], "whom the model was not trained on, but 47 of 47 recordings are of its"),
        (["--data", "far={data}/nowhere"], "subset must be a manifest in .*got 'nowhere'"),
        (["--data", "{data}"], "cohort must be NAME=PATH"),
        (["--class", "hfref"], r"class must be one of model's \(lvsd\), got 'hfref'"),
        (["--label", "lvsd: lvef < 40"], "column lvef, of which the class lvsd is made, must be in the manifest"),
        (["--operating-point", "youden@elsewhere"], r"operating point must be chosen on a cohort \(far\)"),
        (["--device", "abacus"], "device must be one of this machine"),
    ],
)
def test_what_cannot_be_is_refused_in_one_paragraph(data, checkpoints, tmp_path, capsys, change, message):
    given = ["--data", f"far={data}"] if "--data" not in change else []
    change = [text.format(data=data) for text in change]
    with pytest.raises(SystemExit, match="2"):
        main([str(checkpoints[0]), *given, *change, "--output", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert re.search(message, said), said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", ["rate", "one label"])
def test_what_ends_it_ends_it_before_any_prediction(data, checkpoints, tmp_path, capsys, monkeypatch, change):
    def never(*_):
        raise AssertionError("predicted first")

    monkeypatch.setattr(TrainedModel, "predict", never)
    other = tmp_path / "data"
    shutil.copytree(data, other)
    header, *rows = (other / "test.tsv").read_text().splitlines()
    columns = header.split("\t")
    place, value = {"rate": (columns.index("rate"), "250"), "one label": (columns.index("ef"), "60")}[change]
    cells = [[*row.split("\t")[:place], value, *row.split("\t")[place + 1 :]] for row in rows]
    (other / "test.tsv").write_text("\n".join([header, *map("\t".join, cells)]) + "\n")
    cohorts = [f"near={data}", f"far={other}"]
    with pytest.raises(SystemExit, match="2"):
        main(
            [
                str(checkpoints[0]),
                "--data",
                *cohorts,
                "--operating-point",
                "youden@far",
                "--output",
                str(tmp_path / "x"),
            ]
        )
    said = capsys.readouterr().err
    assert {"rate": "rate must be", "one label": "must have both labels, got 0 positive of"}[change] in said


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_intervals_by_no_resample_are_refused(data, checkpoints, tmp_path, capsys, number):
    with pytest.raises(SystemExit, match="2"):
        main([str(checkpoints[0]), "--data", f"far={data}", "--resamples", number, "--output", str(tmp_path / "out")])
    assert f"argument --resamples: must be 1 or more, got {number!r}" in capsys.readouterr().err


@pytest.fixture(scope="module")
def uncalibrated(data, tmp_path_factory):
    """The same recordings, said to be no voltages and to be another source's."""
    folder = tmp_path_factory.mktemp("uncalibrated") / "data"
    shutil.copytree(data, folder)
    card = yaml.safe_load((folder / "dataset.yaml").read_text())
    (folder / "dataset.yaml").write_text(yaml.safe_dump(card | {"units": "as given, not calibrated", "source": "x"}))
    return folder


def test_a_cohort_in_other_units_is_refused_or_marked(data, uncalibrated, checkpoints, tmp_path, capsys):
    arguments = [str(checkpoints[0]), "--data", f"far={uncalibrated}", "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    said = capsys.readouterr().err
    assert said.startswith("error: cohort must be in units that the model was trained with") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()
    main([*arguments, "--allow-other-units"])
    told = (tmp_path / "out" / "external_validation.txt").read_text()
    assert "OTHER UNITS: units of the amplitudes (as given, not calibrated, source x) are not those" in told
    assert "people not compared by name with its training, validation: sources x here" in told


def test_who_asks_a_model_about_other_units_is_warned(ecg_data, data, uncalibrated, checkpoints, tmp_path, caplog):
    def warnings_of(path, recordings):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            predict(path, recordings, progress=False)
        return [record.getMessage() for record in caplog.records]

    files = sorted(ecg_data.parent.rglob("*.hea"))[:2]
    assert warnings_of(checkpoints[0], data / "test.tsv") == []
    (said,) = warnings_of(checkpoints[0], uncalibrated / "test.tsv")
    assert "source x) are not those of the model's training (mV)" in said and "test.tsv" in said
    state = torch.load(checkpoints[0], weights_only=True)
    torch.save(state | {"task_state": {"units": "as given, not calibrated, source x"}}, tmp_path / "scores.pt")
    assert TrainedModel(tmp_path / "scores.pt").units == "as given, not calibrated, source x", "not the folder's"
    assert warnings_of(tmp_path / "scores.pt", uncalibrated / "test.tsv") == []
    (tmp_path / "dataset.yaml").write_text("nothing")
    state["cfg"]["task"]["data"] = str(tmp_path)
    torch.save(state, tmp_path / "lost.pt")
    assert TrainedModel(tmp_path / "lost.pt").units is None
    (said,) = warnings_of(tmp_path / "scores.pt", files)
    assert "(mV) are not those" in said, "once for all files"


def test_recordings_on_which_the_threshold_was_chosen_are_told_elsewhere(data, checkpoints, tmp_path):
    cohorts = [f"one={data}", f"two={data}/test"]
    main([str(checkpoints[0]), "--data", *cohorts, "--operating-point", "youden@one", "--output", str(tmp_path)])
    with open(tmp_path / "external_validation.tsv") as file:
        said = {line["cohort"]: line["remarks"] for line in csv.DictReader(file, delimiter="\t")}
    assert "the threshold was chosen here" in said["one"] and "NOT INDEPENDENT" not in said["one"]
    number = len(Manifest(data / "test.tsv"))
    expected = f"NOT INDEPENDENT: {number} of {number} recordings are of its choice of a threshold (one)"
    assert said["two"].startswith(expected)


def test_doubts_about_the_numbers_of_a_rule_are_told(data, checkpoints, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    header, first, *rows = (folder / "test.tsv").read_text().splitlines()
    first = "\t".join([*first.split("\t")[:-1], "-1"])
    (folder / "test.tsv").write_text("\n".join([header, first, *rows]) + "\n")
    main([str(checkpoints[0]), "--data", f"far={folder}", "--output", str(tmp_path / "out")])
    told = (tmp_path / "out" / "external_validation.txt").read_text()
    assert "such as -1" in told


def test_a_checkpoint_without_a_diagnosis_is_answered_with_what_it_is(data, checkpoints, tmp_path, capsys):
    state = torch.load(checkpoints[0], weights_only=True)
    state["cfg"]["model"]["_name"] = "ecg_mae"
    torch.save(state, tmp_path / "mae.pt")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "mae.pt"), "--data", f"far={data}", "--output", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert said.startswith("error: checkpoint must hold a model for diagnosis (ecg_classifier), got ecg_mae (")
