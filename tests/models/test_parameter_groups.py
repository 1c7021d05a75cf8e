"""Every parameter has one part; with fairseq's `composite` optimiser each part moves at its own rate."""

import pytest
import torch
from fairseq.trainer import Trainer
from omegaconf import OmegaConf, open_dict
from torch import nn

from fairseq_signals.encoders import ENCODERS, build_encoder
from fairseq_signals.models.parameter_groups import PARTS, parameter_groups

RATES = {"default": 0.008, "head": 0.002, "body": 0.0005, "stem": 0.000125}


def smallest(name):
    """An encoder of each kind with every kind of layer that it has."""
    few = {"wav2vec2": {"_name": "wav2vec2_tiny"}, "xresnet1d": {"_name": "xresnet1d18"}}
    return build_encoder({**few.get(name, {"_name": name}), "input_rate": 100.0, "input_leads": 12})


@pytest.mark.parametrize("name", sorted(ENCODERS.parts()))
def test_every_parameter_of_every_encoder_is_in_exactly_one_part(name):
    encoder = smallest(name)
    found = [p for modules in encoder.parts().values() for module in modules for p in module.parameters()]
    assert sorted(map(id, found)) == sorted(id(p) for p in encoder.parameters())
    groups = parameter_groups(encoder)
    assert set(groups) == {name for name, _ in encoder.named_parameters()} and set(groups.values()) <= set(PARTS)


class Three(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        self.one, self.two, self.three = (nn.Linear(1, 1) for _ in range(3))
        self.parts = lambda: {part: [getattr(self, name) for name in names] for part, names in parts.items()}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"stem": ["one"], "head": ["two"]}, "must name every parameter, got none with three.bias"),
        ({"stem": ["one", "two"], "head": ["two", "three"]}, "must name each parameter once, got twice: two.bias"),
        ({"stem": ["one", "two"], "tail": ["three"]}, "parts of Three must be stem, body, head, got tail"),
    ],
)
def test_parts_that_leave_out_repeat_or_invent_are_refused(parts, message):
    with pytest.raises(TypeError, match=message):
        parameter_groups(Three(**parts))


def composite(rates=RATES, **adam):
    """fairseq's configuration of Adam with one constant rate per group."""
    adam = {"_name": "adam", "adam_betas": [0.9, 0.999], "adam_eps": 1e-12, "weight_decay": 0.0} | adam
    group = {"optimizer": adam, "lr_scheduler": {"_name": "fixed"}}
    return {"_name": "composite", "groups": {name: {"lr_float": rate, **group} for name, rate in rates.items()}}


@pytest.fixture
def layered(fairseq_parts, ecg_data, arguments):
    """A trainer of a random xresnet1d18 and its head, with a rate for each group; `common` is the precision."""

    def build(*more, optimizer=None, common=None):
        start = ["--pretrained", "random", "--encoder", "xresnet1d18", "--window-seconds", "1", "--head-hidden", "8"]
        cfg, task, model, criterion = fairseq_parts(ecg_data, *arguments["diagnosis"], *start, *more)
        with open_dict(cfg):
            cfg.optimizer = OmegaConf.create(optimizer or composite())
            cfg.lr_scheduler = OmegaConf.create({"_name": "pass_through"})
            cfg.common.update(common or {})
        return Trainer(cfg, task, model, criterion), task

    return build


def weights(trainer):
    """The weights that the optimiser steps, by name: under half precision their float32 copies."""
    named = [(name, value) for name, value in trainer.get_model().named_parameters() if value.requires_grad]
    copies = getattr(trainer.optimizer, "fp32_params", [value for _, value in named])
    return {name: copy.detach() for (name, _), copy in zip(named, copies, strict=True)}


def step(trainer, task, updates=1):
    """How far each weight goes in these updates, by name."""
    task.load_dataset("train", combine=True)
    batches, before = task.datasets["train"], {name: value.clone() for name, value in weights(trainer).items()}
    trainer.lr_step(1)
    for _ in range(updates):
        trainer.train_step([batches.collater(batches.__getitems__(list(range(6))))])
    return {name: (value - before[name]).abs() for name, value in weights(trainer).items()}


def group_of(model):
    groups = {f"encoder.{name}": part for name, part in parameter_groups(model.encoder).items()}
    return {name: groups.get(name, "default") for name, _ in model.named_parameters()}


PRECISIONS = {"fp32": {}, "bf16": {"bf16": True}, "fp16": {"fp16": True, "fp16_no_flatten_grads": True}}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("common", PRECISIONS.values(), ids=list(PRECISIONS))
def test_the_first_step_of_adam_moves_every_group_by_its_own_rate(layered, common):
    trainer, task = layered(common=common)
    moved, groups = step(trainer, task), group_of(trainer.get_model())
    assert set(groups.values()) == set(RATES)
    for group, rate in RATES.items():
        steps = torch.cat([moved[name].flatten() for name in moved if groups[name] == group])
        steps = steps[steps > 0]  # the first step of Adam is the rate itself wherever there is a gradient
        assert len(steps) > 100
        assert steps.median().item() == pytest.approx(rate, rel=1e-3)
        assert steps.max().item() == pytest.approx(rate, rel=1e-3)


def save(trainer, path):
    trainer.consolidate_optimizer()
    trainer.save_checkpoint(str(path), {"train_iterator": {"epoch": 1, "version": 2, "iterations_in_epoch": 2}})


@pytest.mark.filterwarnings("ignore")
def test_a_run_with_groups_goes_on_as_if_it_had_not_stopped(layered, tmp_path):
    trainer, task = layered()
    step(trainer, task, 2)
    save(trainer, tmp_path / "half.pt")
    moved = step(trainer, task, 2)
    again, task = layered()
    again.load_checkpoint(str(tmp_path / "half.pt"))
    rates = {group: [g["lr"] for g in each.param_groups] for group, each in again.optimizer.optimizers.items()}
    assert rates == {group: [rate] for group, rate in RATES.items()}
    for name, distance in step(again, task, 2).items():
        assert torch.equal(distance, moved[name]), name


def moments(trainer):
    """Adam's averages of every group, in order."""
    optimizer = getattr(trainer.optimizer, "fp32_optimizer", trainer.optimizer)
    return {
        (group, n, name): value
        for group, each in optimizer.optimizers.items()
        for n, parameter in enumerate(each.params)
        for name, value in each.optimizer.state[parameter].items()
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_under_half_precision_too_the_averages_of_every_group_come_back(layered, tmp_path, precision):
    trainer, task = layered(common=PRECISIONS[precision])
    step(trainer, task)
    save(trainer, tmp_path / "half.pt")
    before = moments(trainer)
    again, _ = layered(common=PRECISIONS[precision])
    again.load_checkpoint(str(tmp_path / "half.pt"))
    after = moments(again)
    assert before.keys() == after.keys() and {group for group, _, _ in after} == set(RATES)
    assert all(torch.equal(torch.as_tensor(before[key]), torch.as_tensor(after[key])) for key in before)


@pytest.mark.filterwarnings("ignore")
def test_a_frozen_encoder_leaves_the_head_alone_to_its_group_and_no_trace_of_an_earlier_run(layered):
    step(*layered())
    trainer, task = layered("--freeze-updates", -1)
    moved = step(trainer, task)
    assert set(trainer.optimizer.optimizers) == {"default"}
    assert {name for name, distance in moved.items() if distance.any()} == {
        f"head.{name}" for name, _ in trainer.get_model().head.named_parameters()
    }
    trainer, task = layered("--freeze-updates", 1)
    assert not any(distance.any() for name, distance in step(trainer, task).items() if name.startswith("encoder"))
    assert any(distance.any() for name, distance in step(trainer, task).items() if name.startswith("encoder"))
