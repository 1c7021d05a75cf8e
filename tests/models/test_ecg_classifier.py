"""Diagnosis: pre-trained weights in, logits out, and an encoder that stays as long as it is told to."""

import pytest
import torch
from fairseq.trainer import Trainer

from fairseq_signals.encoders import build_encoder


@pytest.fixture(scope="module")
def build(fairseq_parts, ecg_data, arguments):
    def parts(*more):
        return fairseq_parts(ecg_data, *arguments["diagnosis"], *more)

    return parts


def test_logits_are_linear_in_the_mean_of_the_context(build, arguments):
    cfg, _, model, _ = build(*arguments["random"])
    model.eval()
    signal, lengths = torch.randn(2, 12, 250), torch.tensor([250, 100])
    encoder = model.encoder
    context = encoder.context(encoder.tokens(encoder.local(signal, lengths)), frames=torch.tensor([83, 33]))
    means = torch.stack([context[0].mean(dim=0), context[1, :33].mean(dim=0)])
    signal = signal * (torch.arange(250) < lengths[:, None, None])
    torch.testing.assert_close(model(signal, lengths)["embedding"], means, atol=1e-5, rtol=1e-4)
    expected = means @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(signal, lengths)["logits"], expected, atol=1e-5, rtol=1e-4)
    assert cfg.model.n_classes == model.head.out_features == 23


def test_loads_every_tensor_of_the_encoder_and_says_how_many(build, pretrained, caplog):
    caplog.set_level("INFO")
    model = build("--pretrained", pretrained)[2]
    saved = torch.load(pretrained, weights_only=True)["model"]
    state = model.encoder.state_dict()
    assert {f"encoder.{name}" for name in state} == {name for name in saved if name.startswith("encoder.")}
    for name, value in state.items():
        assert torch.equal(value, saved[f"encoder.{name}"]), name
    assert f"loaded {len(state)} tensors" in caplog.text
    assert "left in the checkpoint, not needed here: mask_token, project_context" in caplog.text


def test_takes_encoder_and_preprocessing_of_the_checkpoint(build, pretrained):
    cfg = build("--pretrained", pretrained)[0]
    saved = torch.load(pretrained, weights_only=True)["cfg"]["model"]
    assert cfg.model.encoder == saved["encoder"] and cfg.model.preprocess == saved["preprocess"]


def test_without_a_start_it_asks_for_one(build):
    with pytest.raises(Exception, match="pretrained"):
        build()


def test_a_random_start_must_name_its_encoder(build):
    with pytest.raises(ValueError, match="encoder must be named for a random start, got None"):
        build("--pretrained", "random")


def test_a_missing_checkpoint_is_named(build, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"checkpoint must be a file, got none at .*nowhere\.pt"):
        build("--pretrained", tmp_path / "nowhere.pt")


def changed(pretrained, folder, change):
    state = torch.load(pretrained, weights_only=True)
    change(state)
    torch.save(state, folder / "changed.pt")
    return folder / "changed.pt"


def test_missing_misfitting_and_strange_weights_stop_by_name(build, pretrained, tmp_path):
    def change(state):
        model = state["model"]
        del model["encoder.project.bias"]
        model["encoder.project.weight"] = model["encoder.project.weight"][:, :5]
        model["encoder.surplus"] = torch.zeros(1)

    with pytest.raises(ValueError, match="must fit Wav2Vec2Encoder exactly") as error:
        build("--pretrained", changed(pretrained, tmp_path, change))
    for part in ("encoder.project.bias is missing", r"encoder.surplus is not expected", "shape [96, 64], got [96, 5]"):
        assert part in str(error.value)


def test_an_encoder_of_another_size_than_the_weights_is_refused(build, pretrained):
    with pytest.raises(ValueError, match=r"must fit Wav2Vec2Encoder exactly.*encoder\.layers\.3.* is missing"):
        build("--pretrained", pretrained, "--encoder", "wav2vec2_small")


def test_a_checkpoint_of_another_model_is_refused(build, pretrained, tmp_path):
    def change(state):
        state["cfg"]["model"] = {"_name": "wav2vec2", "encoder_layers": 12}

    with pytest.raises(ValueError, match="must come from a model of fairseq-signals"):
        build("--pretrained", changed(pretrained, tmp_path, change))


def test_a_checkpoint_of_another_rate_is_refused(build, pretrained):
    with pytest.raises(ValueError, match=r"input_rate of the encoder must be the task's \(500.0\), got 100.0"):
        build("--pretrained", pretrained, "--rate", "500")


def test_a_later_change_of_a_default_leaves_an_old_checkpoint_as_it_was(pretrained, monkeypatch):
    saved = torch.load(pretrained, weights_only=True)
    settings = saved["cfg"]["model"]["encoder"]
    from fairseq_signals.encoders.wav2vec2 import TINY, Wav2Vec2Settings

    assert set(settings) == {"_name", *Wav2Vec2Settings.__dataclass_fields__}
    monkeypatch.setitem(TINY, "layers", 5)
    monkeypatch.setattr(Wav2Vec2Settings.__init__, "__defaults__", (250.0, 3, *[1] * 15))
    encoder = build_encoder(settings)
    assert (len(encoder.layers), encoder.dim, encoder.rate) == (3, 96, 100.0)
    encoder.load_state_dict({n.removeprefix("encoder."): v for n, v in saved["model"].items() if "encoder." in n})


def train(parts, updates):
    """Snapshots of the weights before training and after each update of fairseq's trainer."""
    cfg, task, model, criterion = parts
    trainer = Trainer(cfg, task, model, criterion)
    task.load_dataset("train", combine=True)
    batches = task.datasets["train"]
    trainer.lr_step(1)
    shots = [{name: value.clone() for name, value in model.state_dict().items()}]
    for update in range(updates):
        trainer.train_step([batches.collater(batches.__getitems__([4 * update + n for n in range(4)]))])
        shots.append({name: value.clone() for name, value in model.state_dict().items()})
    return shots


def moved(one, two):
    return {name for name in one if not torch.equal(one[name], two[name])}


DECAY = ["--weight-decay", "0.1", "--disable-validation"]


@pytest.mark.filterwarnings("ignore")
def test_nothing_in_the_encoder_moves_before_its_time_and_everything_after(build, pretrained):
    before, first, second, third = train(build("--pretrained", pretrained, "--freeze-updates", 2, *DECAY), 3)
    for one, two in ((before, first), (first, second)):
        assert moved(one, two) == {"head.weight", "head.bias"}
    assert moved(second, third) == set(before)


@pytest.mark.filterwarnings("ignore")
def test_minus_one_freezes_for_ever_and_zero_never(build, pretrained):
    shots = train(build("--pretrained", pretrained, "--freeze-updates", -1, *DECAY), 2)
    assert moved(shots[0], shots[2]) == {"head.weight", "head.bias"}
    shots = train(build("--pretrained", pretrained, "--freeze-updates", 0, *DECAY), 1)
    assert moved(*shots) == set(shots[0])


@pytest.mark.filterwarnings("ignore")
def test_gradients_of_zero_do_not_let_weight_decay_move_a_frozen_encoder(build, pretrained):
    # fairseq's legacy_ddp gives zeros to parameters without a gradient before the optimiser steps.
    cfg, task, model, _ = build("--pretrained", pretrained, "--freeze-updates", -1, *DECAY)
    optimizer = Trainer(cfg, task, model, build("--pretrained", pretrained)[3]).optimizer
    optimizer.set_lr(0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    task.optimizer_step(optimizer, model, 0)
    assert moved(before, model.state_dict()) == {"head.weight"}


def test_a_frozen_encoder_works_as_in_evaluation(build, pretrained):
    model = build("--pretrained", pretrained, "--freeze-updates", 1)[2]
    signal = torch.randn(2, 12, 250)
    model.train()
    for update, frozen in ((0, True), (1, False)):
        model.set_num_updates(update)
        assert (model.encoder.training, model.head.training) == (not frozen, True)
        one, two = model(signal)["embedding"], model(signal)["embedding"]
        assert torch.equal(one, two) == frozen == (not one.requires_grad)


def test_every_parameter_may_be_optimised_from_the_start(build, pretrained):
    model = build("--pretrained", pretrained, "--freeze-updates", 5)[2]
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_head_may_start_at_the_prevalence_of_its_classes(build, arguments, ecg_data, hidden):
    _, task, model, _ = build(*arguments["random"], "--head-bias", "prevalence", "--head-hidden", hidden)
    bias = model.head.output.bias if hidden else model.head.bias
    rows = [line.split("\t") for line in (ecg_data / "train.tsv").read_text().splitlines()]
    labels = [row[rows[0].index("labels")].split(",") for row in rows[1:]]
    for place, code in enumerate(task.classes):
        share = sum(code in applying for applying in labels) / len(labels)
        assert bias[place].sigmoid().item() == pytest.approx(min(max(share, 1e-4), 1 - 1e-4), rel=1e-4)
    assert not build(*arguments["random"], "--head-hidden", hidden)[2].head.class_bias.any()


def test_a_hidden_layer_stands_between_embedding_and_logits(build, arguments):
    cfg, _, model, _ = build(*arguments["random"], "--head-hidden", "8")
    outcome = model.eval()(torch.randn(3, 12, 250))
    assert model.head.hidden.weight.shape == (8, 96) and outcome["logits"].shape == (3, 23)
    torch.testing.assert_close(outcome["logits"], model.head(outcome["embedding"]))
    assert (cfg.model.head_hidden, cfg.model.head_dropout) == (8, 0.5)  # the default as it is now, for the checkpoint


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], (0, "none", 0.0)),
        (["--head-norm", "layer"], (0, "layer", 0.0)),
        (["--head-hidden", "8"], (8, "batch", 0.5)),
        (["--head-hidden", "8", "--head-norm", "none"], (8, "none", 0.0)),
    ],
)
def test_the_heads_of_all_papers_are_kept_with_every_setting(build, arguments, given, kept):
    cfg, _, model, _ = build(*arguments["random"], *given)
    assert (cfg.model.head_hidden, cfg.model.head_norm, cfg.model.head_dropout) == kept
    assert isinstance(model.head.norm, torch.nn.Identity) == (kept[1] == "none")


def test_a_norm_that_does_not_go_with_the_head_is_refused(build, arguments):
    with pytest.raises(ValueError, match=r"head_norm must be none or layer for one linear layer.*got 'batch'"):
        build(*arguments["random"], "--head-norm", "batch")
