"""Identification by `fairseq-train` and `fairseq-validate`: gallery and probe, nearest by cosine."""

import csv
import json

import numpy as np
import pytest
import torch

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.manifest import Manifest

TASK = ["--task", "ecg_identification"]


@pytest.fixture(scope="module")
def run(pretrained, ecg_data, arguments, run_command, tmp_path_factory):
    """A model trained for one epoch, and what was printed."""
    folder = tmp_path_factory.mktemp("identification")
    more = ["--pretrained", pretrained, "--max-epoch", 1]
    more += ["--best-checkpoint-metric", "rank1", "--maximize-best-checkpoint-metric"]
    done = run_command("fairseq-train", ecg_data, *arguments["identification"], *more, "--save-dir", folder)
    return folder / "checkpoint_best.pt", done.stdout


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_nearest_of_the_gallery_by_cosine_is_the_answer(run, ecg_data, validate, tmp_path, size):
    from fairseq import checkpoint_utils

    more = ["--valid-subset", "probe,valid_probe", "--batch-size", size, "--results-path", tmp_path]
    validate(ecg_data, run[0], *TASK, *more)
    (model,), _, _ = checkpoint_utils.load_model_ensemble_and_task([str(run[0])])
    model.eval()
    for prefix in ("", "valid_"):
        found, patients = [], []
        for name in ("gallery", "probe"):
            path = ecg_data / f"{prefix}{name}.tsv"
            windows = WindowDataset(path, 100, 5)
            signal = torch.cat(
                [
                    b["source"] * b["nanovolts"][:, None, None] * 1e-6
                    for b in map(windows.__getitem__, range(len(windows)))
                ]
            )
            with torch.no_grad():
                found.append(model(signal.float())["embedding"].double().numpy())
            patients.append(np.array(Manifest(path).column("patient")))
            assert len(windows) == len(patients[-1])
        gallery, probe = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in found)
        nearest = patients[0][(probe @ gallery.T).argmax(axis=1)]
        metrics = json.loads((tmp_path / f"metrics_{prefix}probe.json").read_text())
        assert metrics["rank1"] == pytest.approx((nearest == patients[1]).mean())
        with open(tmp_path / f"predictions_{prefix}probe.tsv") as file:
            assert [row["id"] for row in csv.DictReader(file, delimiter="\t")] == Manifest(path).column("id")


def test_training_logs_accuracy_of_identities_and_scores_of_people_it_never_saw(run):
    inner = next(line for line in run[1].splitlines() if "| train |" in line)
    valid = next(line for line in run[1].splitlines() if "| valid_probe |" in line)
    assert " arcface " in inner and " identity_accuracy " in inner
    assert " rank1 " in valid and " loss nan " in valid


def test_windows_of_one_patient_share_an_identity(fairseq_parts, ecg_data, arguments):
    _, task, model, _ = fairseq_parts(ecg_data, *arguments["identification"], *arguments["random"])
    task.load_dataset("train", combine=True)
    batches = task.datasets["train"]
    sample = batches.collater(batches.__getitems__(range(len(batches))))
    identity = task.prepare(sample, model, task.training_pipeline, "train", 0, 0)["identity"]
    patients = [Manifest(ecg_data / "train.tsv").column("patient")[row] for row in sample["recording"].tolist()]
    assert len(set(zip(patients, identity.tolist(), strict=True))) == len(set(patients)) == task.count_identities()
    assert int(identity.max()) == task.count_identities() - 1 and int(identity.min()) == 0
    assert (task.prepare(sample, model, task.training_pipeline, "valid", 0, 0)["identity"] == -1).all()
    empty = task.prepare(batches.collater([]), model, task.training_pipeline, "train", 0, 0)
    assert (empty["identity"] == -1).all()


def test_a_subset_that_is_no_probe_is_refused(fairseq_parts, ecg_data, arguments):
    _, task, _, _ = fairseq_parts(ecg_data, *arguments["identification"], *arguments["random"])
    with pytest.raises(ValueError, match=r"--valid-subset of ecg_identification must end in 'probe'.*got 'valid'"):
        task.load_dataset("valid")


def test_a_probe_without_its_gallery_is_refused(fairseq_parts, ecg_data, arguments, tmp_path):
    (tmp_path / "train.tsv").write_text((ecg_data / "train.tsv").read_text())
    (tmp_path / "probe.tsv").write_text((ecg_data / "probe.tsv").read_text())
    _, task, _, _ = fairseq_parts(tmp_path, *arguments["identification"], *arguments["random"])
    with pytest.raises(FileNotFoundError, match=r"subset must be a manifest in .*got 'gallery'"):
        task.load_dataset("probe")
