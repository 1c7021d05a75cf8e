"""One command tests models on several cohorts by a class made of a number, and refuses people who were trained on."""

import csv
import re
import shutil

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.inference import predict
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
        (["--data", "seen={data}/train"], "whom the model was not trained on, got one of which 47 of 47 recordings"),
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
