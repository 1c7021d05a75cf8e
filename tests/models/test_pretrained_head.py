"""The second step of fine-tuning goes on from encoder and head of the first one's checkpoint, or says why not."""

import pytest
import torch

from fairseq_signals.inference import TrainedModel
from fairseq_signals.models.ecg_model import plain
from fairseq_signals.models.pretrained_head import refuse_other_classes

SMALL = ["--window-seconds", "2.5"]
RANDOM = ["--pretrained", "random", "--encoder", "xresnet1d18"]


@pytest.fixture(scope="module")
def build(fairseq_parts, ecg_data, arguments):
    def parts(*more):
        return fairseq_parts(ecg_data, *arguments["diagnosis"], *SMALL, *more)

    return parts


@pytest.fixture(scope="module")
def first_step(build, tmp_path_factory):
    """A checkpoint as the first step leaves it, with a head of 16 units and dropout 0.3; `change` alters it."""
    cfg, _, model, _ = build(*RANDOM, "--head-hidden", "16", "--head-dropout", "0.3")
    task = {name: plain(cfg.task[name]) for name in ("leads", "drop_leads", "rate", "window_seconds", "classes")}

    def save(change=lambda state: None):
        state = {"model": dict(model.state_dict()), "cfg": {"model": plain(cfg.model), "task": dict(task)}}
        change(state)
        path = tmp_path_factory.mktemp("first") / "first.pt"
        torch.save(state, path)
        return path

    return save


def second(path, *more):
    return ["--pretrained", path, "--pretrained-head", *more]


def test_encoder_and_head_go_on_to_the_bit_with_the_settings_of_the_checkpoint(build, first_step, caplog):
    caplog.set_level("INFO")
    path = first_step()
    cfg, _, model, _ = build(*second(path))
    saved = torch.load(path, weights_only=True)["model"]
    state = model.state_dict()
    assert saved.keys() == state.keys() and all(torch.equal(saved[name], state[name]) for name in saved)
    assert (cfg.model.head_hidden, cfg.model.head_dropout, model.head.dropout) == (16, 0.3, 0.3)
    assert "into HiddenHead" in caplog.text and "into XResNet1dEncoder" in caplog.text
    assert "left in the checkpoint, not needed here: nothing" in caplog.text


def test_dropout_may_change_and_without_being_asked_for_the_head_is_new(build, first_step, caplog):
    caplog.set_level("INFO")
    path = first_step()
    assert build(*second(path, "--head-dropout", "0.0"))[2].head.dropout == 0.0
    cfg, _, model, _ = build("--pretrained", path)
    assert set(model.head.state_dict()) == {"weight", "bias"} and cfg.model.head_hidden == 0
    assert "left in the checkpoint, not needed here: head" in caplog.text


def no_head(state):
    state["model"] = {name: value for name, value in state["model"].items() if not name.startswith("head.")}


def pretraining(state):
    state["cfg"]["model"]["_name"] = "ecg_contrastive"


def narrower(state):
    state["model"]["head.hidden.weight"] = state["model"]["head.hidden.weight"][:, :5]


def swapped(state):
    classes = state["cfg"]["task"]["classes"]
    state["cfg"]["task"]["classes"] = [classes[1], classes[0], *classes[2:]]


def renamed(state):
    state["cfg"]["task"]["classes"] = ["NEW", *state["cfg"]["task"]["classes"][1:]]


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (no_head, [], r"must hold a trained head for diagnosis \(ecg_classifier\) .*, got one of ecg_classifier \("),
        (pretraining, [], r"must hold a trained head for diagnosis .*, got one of ecg_contrastive \(.*first\.pt\)"),
        (narrower, [], r"must fit HiddenHead exactly.*head\.hidden\.weight must have shape \[16, 128\], got \[16, 5\]"),
        (swapped, [], r"pre-trained head in its order \(23\), got 23 \S+ in place 1, where the head has \S+ \(.*pt\)"),
        (renamed, [], r"in its order \(23\), got 23 without NEW and with \S+ besides \("),
        (dict, ["--head-hidden", "0"], r"head_hidden must be that of the pre-trained head \(16\), got 0 \("),
        (dict, ["--head-bias", "prevalence"], "head_bias must be left out with pretrained_head.*, got prevalence"),
    ],
)
def test_a_head_that_is_not_there_or_does_not_fit_is_refused(build, first_step, change, more, message):
    with pytest.raises(ValueError, match=message):
        build(*second(first_step(change), *more))


def test_a_random_start_has_no_head_to_take(build):
    with pytest.raises(ValueError, match="pretrained_head must be false for a random start, got true"):
        build(*RANDOM, "--pretrained-head")


def test_classes_are_compared_by_name_and_place():
    refuse_other_classes(["A", "B"], ["A", "B"], "x.pt")
    with pytest.raises(ValueError, match=r"\(2\), got 1 without B \(x.pt\)"):
        refuse_other_classes(["A", "B"], ["A"], "x.pt")
    with pytest.raises(ValueError, match=r"\(1\), got 2 with B besides \(x.pt\)"):
        refuse_other_classes(["A"], ["A", "B"], "x.pt")
    with pytest.raises(ValueError, match=r"\(3\), got 3 C in place 2, where the head has B \(x.pt\)"):
        refuse_other_classes(["A", "B", "C"], ["A", "C", "B"], "x.pt")


def test_a_checkpoint_from_before_there_were_hidden_layers_has_a_linear_head(build, first_step):
    _, _, model, _ = build(*RANDOM)

    def old(state):
        state["model"] = dict(model.state_dict())
        for name in ("head_hidden", "head_dropout", "head_norm", "pretrained_head", "frozen_statistics"):
            del state["cfg"]["model"][name]

    path = first_step(old)
    trained = TrainedModel(path)
    assert torch.equal(trained.head.weight, model.head.weight) and torch.equal(trained.head.bias, model.head.bias)
    cfg, _, again, _ = build(*second(path))
    assert torch.equal(again.head.weight, model.head.weight)
    assert (cfg.model.head_hidden, cfg.model.head_dropout) == (0, 0.0)


def test_a_checkpoint_from_before_there_was_a_choice_of_norms_has_batch_norm(build, first_step):
    path = first_step(lambda state: state["cfg"]["model"].pop("head_norm"))
    saved = torch.load(path, weights_only=True)["model"]
    cfg, _, model, _ = build(*second(path))
    assert (cfg.model.head_hidden, cfg.model.head_norm) == (16, "batch")
    for head in (model.head, TrainedModel(path).head):
        assert all(torch.equal(value, saved[f"head.{name}"]) for name, value in head.state_dict().items())
        assert "norm.running_mean" in head.state_dict()
