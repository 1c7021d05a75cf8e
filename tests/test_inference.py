import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from fairseq.trainer import Trainer

import fairseq_signals
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.inference import TrainedModel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def diagnosis(ecg_data, run_command, arguments, pretrained, tmp_path_factory):
    """A diagnosis model after three updates, and what `fairseq-validate` says of it."""
    folder = tmp_path_factory.mktemp("diagnosis")
    start = ["--pretrained", pretrained, "--max-update", 3, "--save-dir", folder]
    run_command("fairseq-train", ecg_data, *arguments["diagnosis"], *start)
    command = ["--user-dir", "fairseq_signals", "--cpu", "--task", "ecg_classification", "--valid-subset", "test"]
    checkpoint = folder / "checkpoint_last.pt"
    run_command(
        "fairseq-validate", ecg_data, *command, "--path", checkpoint, "--batch-size", 7, "--results-path", folder
    )
    with open(folder / "predictions_test.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return checkpoint, rows, json.loads((folder / "metrics_test.json").read_text())


def scores_of(rows):
    names = [name for name in rows[0] if name.startswith("score:")]
    return [name.removeprefix("score:") for name in names], np.array([[float(r[n]) for n in names] for r in rows])


def test_predict_on_a_manifest_equals_fairseq_validate(diagnosis, ecg_data):
    checkpoint, rows, _ = diagnosis
    classes, expected = scores_of(rows)
    probabilities = fairseq_signals.predict(checkpoint, ecg_data / "test.tsv", progress=False)
    assert TrainedModel(checkpoint).classes == classes
    assert [row["id"] for row in rows] == Manifest(ecg_data / "test.tsv").column("id")
    np.testing.assert_allclose(probabilities, expected, atol=2e-6)  # the table keeps six digits


def test_predict_on_the_files_themselves_equals_the_prepared_data(diagnosis, ecg_data):
    checkpoint, rows, _ = diagnosis
    files = [ecg_data.parent / "recordings" / f"{row['id']}.hea" for row in rows]
    from_files = fairseq_signals.predict(checkpoint, files, batch_size=3, progress=False)
    packed = fairseq_signals.predict(checkpoint, ecg_data / "test.tsv", progress=False)
    np.testing.assert_allclose(from_files, packed, atol=1e-6)


def test_a_recordings_probability_is_the_mean_of_its_windows(diagnosis, ecg_data):
    checkpoint, rows, _ = diagnosis
    record = read_record(ecg_data.parent / "recordings" / f"{rows[0]['id']}.hea")
    halves = [
        Record(record.signal[:, half], record.rate, record.leads, f"half {number}")
        for number, half in enumerate((slice(0, 500), slice(500, 1000)))
    ]
    whole, parts = (fairseq_signals.predict(checkpoint, what, progress=False) for what in (record, halves))
    np.testing.assert_allclose(whole[0], parts.mean(axis=0), atol=1e-6)


def test_leads_are_found_by_name_and_missing_ones_are_zero(diagnosis, ecg_data):
    checkpoint, rows, _ = diagnosis
    record = read_record(ecg_data.parent / "recordings" / f"{rows[0]['id']}.hea")
    silenced = record.signal.copy()
    silenced[2:] = 0
    both = [record.select(("I", "II")), Record(silenced, record.rate, record.leads, "silenced")]
    two_leads, zeroed = fairseq_signals.embed(checkpoint, both, progress=False)
    np.testing.assert_allclose(two_leads, zeroed, atol=1e-6)


def test_embeddings_need_no_fairseq(diagnosis, ecg_data):
    checkpoint, _, _ = diagnosis
    program = (
        "import sys, fairseq_signals; assert 'torch' not in sys.modules; "
        f"e = fairseq_signals.embed({str(checkpoint)!r}, {str(ecg_data / 'test.tsv')!r}, progress=False); "
        "assert not any(name.split('.')[0] == 'fairseq' for name in sys.modules); print(e.shape)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"({len(Manifest(ecg_data / 'test.tsv'))}, 96)"


def test_a_pretrained_checkpoint_embeds_what_its_encoder_saw_and_predicts_nothing(pretrained, ecg_data):
    model = TrainedModel(pretrained)
    assert model.window_seconds == 5  # halves of ten seconds
    assert model.embed(ecg_data / "test.tsv", progress=False).shape[1] == 96
    with pytest.raises(ValueError, match="model for diagnosis"):
        model.predict(ecg_data / "test.tsv")


def test_a_recording_without_any_lead_of_the_model_is_refused(run_command, ecg_data, arguments, tmp_path):
    start = [*arguments["random"], "--leads", "1", "--drop-leads", "--max-update", 1, "--save-dir", tmp_path]
    run_command("fairseq-train", ecg_data, *arguments["diagnosis"], *start)
    model = TrainedModel(tmp_path / "checkpoint_last.pt")
    assert model.encoder.leads == 1
    record = Record(np.zeros((1, 1000), np.float32), 100.0, ("V1",), "chest only")
    with pytest.raises(ValueError, match=r"chest only must have leads of the model \(I;.*got V1"):
        model.predict(record)


def test_a_folder_is_answered_with_the_manifest_in_it(pretrained, ecg_data, tmp_path):
    expected = "recordings must be a manifest, files or records, got a folder: "
    expected += re.escape(f"{ecg_data}; the manifest in it is {ecg_data / 'test.tsv'}")
    for recordings in (ecg_data, str(ecg_data), [ecg_data]):
        with pytest.raises(ValueError, match=f"^{expected}$"):
            fairseq_signals.embed(pretrained, recordings, progress=False)
    with pytest.raises(ValueError, match=r"got a folder: .*; name the files in it$"):
        fairseq_signals.embed(pretrained, tmp_path, progress=False)


def test_nothing_to_embed_is_an_error(pretrained):
    with pytest.raises(ValueError, match="at least one"):
        fairseq_signals.embed(pretrained, [], progress=False)


CROPS = ["--window-seconds", "2.5", "--stride-seconds", "1.25", "--windows", "random"]
SMALL = ["--pretrained", "random", "--encoder", "xresnet1d18", "--head-hidden", "16", "--head-bias", "prevalence"]


@pytest.fixture(scope="module")
def crops(fairseq_parts, ecg_data, arguments, tmp_path_factory):
    """A checkpoint of a head with a hidden layer after two updates on random crops of 2.5 seconds, and the model."""
    parts = fairseq_parts(ecg_data, *arguments["diagnosis"], *SMALL, *CROPS)
    trainer, (_, task, model, _) = Trainer(*parts), parts
    task.load_dataset("train", combine=True)
    batches = task.datasets["train"]
    assert len(batches) == len(Manifest(ecg_data / "train.tsv"))  # one crop of each recording per epoch
    trainer.lr_step(1)
    for first in (0, 8):
        trainer.train_step([batches.collater(batches.__getitems__(list(range(first, first + 8))))])
    path = tmp_path_factory.mktemp("crops") / "crops.pt"
    trainer.consolidate_optimizer()
    trainer.save_checkpoint(str(path), {})
    return path, model.eval()


def predictions(validate, data, checkpoint, folder):
    task = ["--task", "ecg_classification", "--valid-subset", "test", "--batch-size", 8]
    validate(data, checkpoint, *task, "--results-path", folder)
    with open(folder / "predictions_test.tsv", newline="", encoding="utf-8") as file:
        return scores_of(list(csv.DictReader(file, delimiter="\t")))[1]


@pytest.mark.filterwarnings("ignore")
def test_a_hidden_head_on_crops_every_half_window_predicts_as_fairseq_validate(crops, validate, ecg_data, tmp_path):
    path, _ = crops
    trained = TrainedModel(path)
    assert (trained.window_seconds, trained.stride_seconds) == (2.5, 1.25)
    probabilities = trained.predict(ecg_data / "test.tsv", progress=False)
    np.testing.assert_allclose(probabilities, predictions(validate, ecg_data, path, tmp_path), atol=1e-5)


def test_a_prediction_is_the_mean_over_seven_crops_of_ten_seconds(crops, ecg_data):
    path, model = crops
    name = Manifest(ecg_data / "test.tsv").column("id")[0]
    record = read_record(ecg_data.parent / "recordings" / f"{name}.hea")
    assert record.signal.shape == (12, 1000)
    with torch.no_grad():
        crops = [model(torch.from_numpy(record.signal[None, :, n : n + 250])) for n in range(0, 751, 125)]
    assert len(crops) == 7
    mean = torch.stack([crop["logits"].sigmoid() for crop in crops]).mean(dim=0).numpy()
    np.testing.assert_allclose(fairseq_signals.predict(path, record, progress=False), mean, atol=1e-4)
    mean = torch.stack([crop["embedding"] for crop in crops]).mean(dim=0).numpy()
    np.testing.assert_allclose(fairseq_signals.embed(path, record, progress=False), mean, atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_from_before_there_were_hidden_layers_is_validated_and_predicts(
    fairseq_parts, validate, ecg_data, arguments, crops, tmp_path
):
    linear = fairseq_parts(ecg_data, *arguments["diagnosis"], *SMALL[:4], *CROPS)[2]
    state = torch.load(crops[0], weights_only=True)
    state["model"] = linear.state_dict()
    for name in ("head_hidden", "head_dropout", "head_norm", "pretrained_head", "frozen_statistics"):
        del state["cfg"]["model"][name]
    torch.save(state, tmp_path / "old.pt")
    expected = predictions(validate, ecg_data, tmp_path / "old.pt", tmp_path)
    found = fairseq_signals.predict(tmp_path / "old.pt", ecg_data / "test.tsv", progress=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
