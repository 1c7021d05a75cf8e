"""An encoder is adapted with the leads that it was trained on, and stays as it is as long as it is told to."""

import logging

import pytest
import torch
import torch.nn.functional as F
from fairseq.trainer import Trainer
from omegaconf import open_dict
from torch import nn

from fairseq_signals.inference import TrainedModel
from fairseq_signals.models.ecg_model import encoder_leads, plain


@pytest.fixture(scope="module")
def encoder_of(fairseq_parts, ecg_data, arguments, tmp_path_factory):
    """Saves a checkpoint of a random encoder for these leads, with the settings that a training saves."""

    def save(*leads):
        cfg, _, model, _ = fairseq_parts(ecg_data, *arguments["diagnosis"], *arguments["random"], *leads)
        saved = {name: plain(cfg.task[name]) for name in ("leads", "drop_leads", "rate", "window_seconds", "classes")}
        settings = {name: plain(cfg.model[name]) for name in ("_name", "encoder", "preprocess")}
        path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
        torch.save({"model": model.state_dict(), "cfg": {"model": settings, "task": saved}}, path)
        return path

    return save


@pytest.fixture(scope="module")
def start(fairseq_parts, ecg_data, arguments):
    """Starts a diagnosis from a checkpoint."""

    def build(path, *leads):
        return fairseq_parts(ecg_data, *arguments["diagnosis"], "--pretrained", path, *leads)[2]

    return build


WINDOW = ["--preprocess", "window"]
LIMB, CHEST = ["--leads", "I,II,V2", "--drop-leads"], ["--leads", "aVR,V5,V6", "--drop-leads"]
THREE = r"I, II, V2 \(drop_leads\)"
TWELVE = r"I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6 \(none dropped\)"


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        (LIMB, CHEST, (THREE, r"aVR, V5, V6 \(drop_leads\)")),
        (LIMB, ["--leads", "I,II,V2"], (THREE, TWELVE)),
        (LIMB, [], (THREE, TWELVE)),
        ([], LIMB, (TWELVE, THREE)),
        (LIMB, ["--leads", "2", "--drop-leads"], (THREE, r"I, II \(drop_leads\)")),
    ],
)
def test_an_encoder_of_other_leads_is_refused_by_name(encoder_of, start, before, now, named):
    path = encoder_of(*before)
    message = (
        f"leads of the task must be those that the encoder was trained on, {named[0]}, got {named[1]}; .*encoder.pt"
    )
    with pytest.raises(ValueError, match=message):
        start(path, *now)
    with pytest.raises(ValueError, match=message):  # a named encoder takes the same weights
        start(path, *now, "--encoder", "wav2vec2_tiny")


@pytest.mark.parametrize(
    ("before", "now", "number"),
    [
        (LIMB, ["--leads", "V2,ii,i", "--drop-leads"], 3),
        (LIMB, ["--leads", "3", "--drop-leads"], 3),
        ([], ["--leads", "aVR,V5,V6"], 12),
        (["--leads", "1"], ["--leads", "V6"], 12),
        ([], ["--leads", "12", "--drop-leads"], 12),
    ],
)
def test_the_same_leads_by_another_name_and_zeroed_leads_are_welcome(encoder_of, start, before, now, number):
    assert start(encoder_of(*before), *now).encoder.leads == number


def test_embedding_and_predicting_take_the_checkpoints_own_leads(encoder_of, ecg_data):
    model = TrainedModel(encoder_of(*LIMB))
    assert (model.leads, model.encoder.leads) == (("I", "II", "V2"), 3)
    assert model.embed(ecg_data / "test.tsv", progress=False).shape == (22, 96)
    assert model.predict(ecg_data / "test.tsv", progress=False).shape == (22, 23)


@pytest.mark.parametrize(
    ("trained", "preprocess", "told"), [("mV", [], False), ("adu", [], True), ("adu", WINDOW, True)]
)
def test_an_encoder_of_other_units_is_warned_of(encoder_of, start, trained, preprocess, told, tmp_path, caplog):
    state = torch.load(encoder_of(), weights_only=True) | {"task_state": {"units": trained}}
    torch.save(state, tmp_path / "encoder.pt")
    with caplog.at_level(logging.WARNING):
        start(tmp_path / "encoder.pt", *preprocess)
    said = [record.getMessage() for record in caplog.records if "units of the amplitudes (mV)" in record.getMessage()]
    assert len(said) == told
    if told:
        assert "model's training (adu)" in said[0] and "encoder.pt" in said[0]
        assert ("shape alone" in said[0]) == bool(preprocess)


def test_the_leads_of_an_encoder_are_twelve_unless_some_are_dropped():
    assert encoder_leads({"leads": "V2,I", "drop_leads": True}) == ("I", "V2")
    assert len(encoder_leads({"leads": "V2,I", "drop_leads": False})) == 12


RESNET = ["--pretrained", "random", "--encoder", "xresnet1d50", "--window-seconds", "1", "--weight-decay", "0.1"]


@pytest.fixture(scope="module")
def resnet(fairseq_parts, ecg_data, arguments):
    """Configuration, task, model and criterion with a random xresnet1d50."""

    def build(*more):
        return fairseq_parts(ecg_data, *arguments["diagnosis"], *RESNET, *more)

    return build


def batch(task):
    task.load_dataset("train", combine=True)
    batches = task.datasets["train"]
    return batches.collater(batches.__getitems__([0, 1, 2, 3]))


def moved(parts, updates=1, **common):
    """Names of the tensors that differ, to the bit, after these updates by fairseq's trainer."""
    cfg, task, model, _ = parts
    with open_dict(cfg):
        cfg.common.update(common)
    trainer, sample = Trainer(*parts), batch(task)
    trainer.lr_step(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(updates):
        trainer.train_step([sample])
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


HEAD, STATISTICS = {"head.weight", "head.bias"}, ("running_mean", "running_var", "num_batches_tracked")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("precision", [{}, {"bf16": True}], ids=["fp32", "bf16"])
def test_linear_evaluation_moves_the_head_alone_statistics_included_in_the_freeze(resnet, precision):
    parts = resnet("--freeze-updates", -1)
    assert sum("running" in name for name in parts[2].state_dict()) > 100  # there would be something to move
    assert moved(parts, 3, **precision) == HEAD


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("precision", [{}, {"bf16": True}], ids=["fp32", "bf16"])
def test_the_first_step_of_fine_tuning_moves_running_statistics_and_no_weight_of_the_encoder(resnet, precision):
    parts = resnet("--freeze-updates", -1, "--frozen-statistics", "updating")
    expected = {name for name in parts[2].state_dict() if name.startswith("encoder.") and name.endswith(STATISTICS)}
    assert moved(parts, 2, **precision) == HEAD | expected and len(expected) > 150


@pytest.mark.filterwarnings("ignore")
def test_running_statistics_that_go_on_are_those_of_the_batches(resnet):
    parts = resnet("--freeze-updates", -1, "--frozen-statistics", "updating")
    _, task, model, _ = parts
    sample = batch(task)
    moved(parts)
    signal = sample["source"] * sample["nanovolts"].view(-1, 1, 1) * 1e-6
    first = model.encoder.stem[0]
    values = F.conv1d(signal.float(), first.conv.weight, stride=2, padding=2).detach()
    torch.testing.assert_close(first.norm.running_mean, 0.1 * values.mean(dim=(0, 2)), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(first.norm.running_var, 0.9 + 0.1 * values.var(dim=(0, 2)), atol=1e-6, rtol=1e-4)


def test_dropout_of_a_frozen_encoder_is_off_while_its_statistics_go_on(resnet):
    model = resnet("--freeze-updates", 2, "--frozen-statistics", "updating")[2]
    model.encoder.dropout, norm = nn.Dropout(), model.encoder.stem[0].norm
    for training, update, modes in ((True, 0, (True, False)), (True, 2, (True, True)), (False, 0, (False, False))):
        model.train(training).set_num_updates(update)
        assert (norm.training, model.encoder.dropout.training) == modes
        assert model.head.training == training
    model.set_num_updates(1)
    model.train()  # without being told the update again
    assert not model.encoder.dropout.training and norm.training


@pytest.mark.filterwarnings("ignore")
def test_everything_moves_once_the_freeze_is_over(resnet):
    parts = resnet("--freeze-updates", 1, "--frozen-statistics", "updating")
    # Blocks start as their shortcuts: what lies in front of a last norm of zeros moves an update later.
    assert moved(parts, 3) == set(parts[2].state_dict())


def test_statistics_cannot_go_on_in_an_encoder_without_any(fairseq_parts, ecg_data, arguments):
    more = [*arguments["random"], "--freeze-updates", "-1", "--frozen-statistics", "updating"]
    message = r"frozen_statistics must be fixed for an encoder without batch norm \(Wav2Vec2Encoder\), got updating"
    with pytest.raises(ValueError, match=message):
        fairseq_parts(ecg_data, *arguments["diagnosis"], *more)
