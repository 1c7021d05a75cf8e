"""The recipes that adapt an encoder to PTB-XL's statements say what Mehari & Strodthoff 2022 and its code say."""

from pathlib import Path

import pytest
import torch

from fairseq_signals.data.windows import tile_starts
from fairseq_signals.experiments.composition import compose_recipe

PAPER = Path(__file__).resolve().parents[2] / "examples" / "mehari2022"
RECIPES = ["supervised", "linear", "finetune", "finetune_head", "finetune_all"]
RECORDINGS, BATCH = 17417, 128  # of folds 1-8


def composed(recipe, *changes):
    return compose_recipe(PAPER / f"{recipe}.yaml", changes)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("machine", ["cpu", "gpu"])
def test_crops_batch_and_selection_are_the_papers_everywhere(recipe, machine):
    cfg = composed(recipe, f"machine={machine}")
    task, checkpoint = cfg["task"], cfg["checkpoint"]
    assert (task["rate"], task["window_seconds"], task["windows"]) == (100.0, 2.5, "random")
    window, stride = (round(task[f"{name}_seconds"] * task["rate"]) for name in ("window", "stride"))
    assert (window, stride) == (250, 125)  # the public code's samples
    assert tile_starts(1000, window, stride).tolist() == [0, 125, 250, 375, 500, 625, 750]
    assert cfg["dataset"]["batch_size"] == BATCH
    assert (checkpoint["best_checkpoint_metric"], checkpoint["maximize_best_checkpoint_metric"]) == ("macro_auc", True)
    assert cfg["common"].get("cpu", False) == (machine == "cpu")


@pytest.mark.parametrize(
    ("recipe", "epochs", "rate", "decay", "head", "frozen"),
    [
        ("linear", 100, 0.008 * 128 / 256, 0.1, None, (-1, "fixed")),
        ("finetune", 100, 0.01, 0.001, None, None),
        ("finetune_head", 50, 0.001, 0.001, (512, 0.5), (-1, "updating")),
    ],
)
def test_epochs_rate_decay_head_and_freeze(recipe, epochs, rate, decay, head, frozen):
    cfg = composed(recipe, "model.pretrained=a.pt")
    model, optimisation = cfg["model"], cfg["optimization"]
    assert (optimisation["max_epoch"], optimisation["lr"]) == (epochs, [rate])
    assert cfg["optimizer"] == {"_name": "adam", "weight_decay": decay} and cfg["lr_scheduler"] == {"_name": "fixed"}
    assert ((model["head_hidden"], model["head_dropout"]) if head else model.get("head_hidden")) == head
    assert ((model["freeze_updates"], model["frozen_statistics"]) if frozen else model.get("freeze_updates")) == frozen
    assert model["pretrained"] == "a.pt" and "encoder" not in model and "pretrained_head" not in model


@pytest.mark.parametrize(("rates", "top", "divisor"), [("layerwise_cpc", 1e-4, 10), ("layerwise_xresnet", 0.01, 4)])
@pytest.mark.parametrize("recipe", ["finetune", "finetune_all"])
def test_rates_fall_from_part_to_part(recipe, rates, top, divisor):
    cfg = composed(recipe, f"rates={rates}")
    groups = cfg["optimizer"]["groups"]
    below = {"layerwise_cpc": [0, 0, 1, 2], "layerwise_xresnet": [0, 1, 2, 3]}[rates]
    assert list(groups) == ["default", "head", "body", "stem"] and cfg["lr_scheduler"] == {"_name": "pass_through"}
    for group, steps in zip(groups.values(), below, strict=True):
        assert group["lr_float"] == pytest.approx(top / divisor**steps, rel=1e-12)
        assert group["optimizer"] == {"_name": "adam", "weight_decay": {4: 0.1, 10: 0.001}[divisor]}


def test_the_second_step_takes_the_head_along():
    cfg = composed("finetune_all", "model.pretrained=a.pt")
    assert cfg["model"] == {"_name": "ecg_classifier", "pretrained": "a.pt", "pretrained_head": True}
    assert cfg["optimization"]["max_epoch"] == 20 and cfg["optimizer"]["groups"]["body"]["lr_float"] == 1e-5
    assert "pretrained_head" not in composed("finetune_all", "start=random_init")["model"]


def test_one_cycle_is_eighteen_epochs_and_rises_for_three_tenths_of_them():
    cfg = composed("supervised")
    schedule, updates = cfg["lr_scheduler"], 18 * -(-RECORDINGS // BATCH)
    assert cfg["optimization"] == {"lr": [0.01], "max_update": updates} and "max_epoch" not in cfg["optimization"]
    assert schedule["warmup_updates"] == round(0.3 * updates) and schedule["warmup_init_lr"] == 0.01 / 25
    assert cfg["model"]["preprocess"] == {"normalise": "constant", "deviation": [0.24]}
    assert cfg["optimizer"]["weight_decay"] == 0.01 and cfg["model"]["encoder"] == "xresnet1d50"
    paper = composed("supervised", "training=paper")
    assert paper["optimization"] == {"lr": [0.01], "max_epoch": 100} and "preprocess" not in paper["model"]
    assert paper["lr_scheduler"] == {"_name": "fixed"} and paper["optimizer"]["weight_decay"] == 0.001


@pytest.mark.slow
def test_the_two_steps_follow_one_another(run_command, ecg_data, tmp_path):
    def train(recipe, *changes):
        command = ["--config-dir", PAPER, "--config-name", recipe, "common.user_dir=fairseq_signals", "machine=cpu"]
        where = [f"task.data={ecg_data}", f"checkpoint.save_dir={tmp_path / recipe}", f"hydra.run.dir={tmp_path}/log"]
        small = ["dataset.batch_size=8", "dataset.num_workers=0", "optimization.max_update=2"]
        run_command("fairseq-hydra-train", *command, *where, *small, *changes)
        return torch.load(tmp_path / recipe / "checkpoint_best.pt", weights_only=True)

    one = train("finetune_head", "start=random_init", "model.encoder=xresnet1d18")
    two = train("finetune_all", f"model.pretrained={tmp_path}/finetune_head/checkpoint_best.pt")
    assert two["cfg"]["model"]["head_hidden"] == 512 and two["cfg"]["model"]["encoder"]["blocks"] == [2, 2, 2, 2]
    for name, most in (("head.output.weight", 1e-4), ("encoder.stages.0.0.layers.1.conv.weight", 1e-5)):
        distance = (two["model"][name] - one["model"][name]).abs().max().item()
        assert 0 < distance < 2.2 * most  # two steps of Adam at this rate from where the first step ended
