"""The recipes of Mehari & Strodthoff 2022 say what the paper and its public code say."""

import math
from pathlib import Path

import pytest

from fairseq_signals.experiments.composition import compose_recipe

PAPER = Path(__file__).resolve().parents[2] / "examples" / "mehari2022"
RECORDINGS = {"all": 46963, "ptbxl": 17417}  # of combinations/all.yaml and folds 1-8
SIX = {"_name": "crops", "seconds": [2.5] * 6}
METHODS = {  # views, model, criterion, windows of a batch, learning rate
    "simclr": ("augment", "ecg_contrastive", "nt_xent", 8192, 0.00229),
    "byol": ("augment", "ecg_byol", "byol", 8192, 0.00229),
    "swav": (SIX, "ecg_swav", "swav", 4096, 0.001),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_the_papers_choices(method):
    cfg = compose_recipe(PAPER / f"{method}.yaml")
    views, model, criterion, batch, rate = METHODS[method]
    task = cfg["task"]
    assert (task["views"], cfg["model"]["_name"], cfg["criterion"]["_name"]) == (views, model, criterion)
    assert [transform["_name"] for transform in task["transforms"]] == ["random_resized_crop", "time_out"]
    assert (task["rate"], task["window_seconds"], task["windows"]) == (100.0, 2.5, "random")
    assert cfg["model"]["encoder"] == "xresnet1d50" and cfg["dataset"]["batch_size"] == batch
    assert cfg["optimizer"] == {"_name": "adam", "weight_decay": 0.001} and cfg["optimization"]["lr"] == [rate]
    assert cfg["lr_scheduler"]["_name"] == "cosine"


@pytest.mark.parametrize("method", METHODS)
def test_updates_are_the_papers_epochs(method):
    cfg = compose_recipe(PAPER / f"{method}.yaml")
    epoch = -(-RECORDINGS["all"] // cfg["dataset"]["batch_size"])
    assert cfg["optimization"]["max_update"] == 2000 * epoch
    assert cfg["lr_scheduler"]["warmup_updates"] == 10 * epoch
    if method == "swav":
        model = cfg["model"]
        assert (model["fixed_prototype_updates"], model["queue_from_update"]) == (epoch, 15 * epoch)
        assert model["queue_size"] == 8 * cfg["dataset"]["batch_size"] and model["prototypes"] == 3000


@pytest.mark.parametrize("method", METHODS)
def test_ten_epochs_on_a_processor_are_ten_epochs(method):
    cfg = compose_recipe(PAPER / f"{method}.yaml", ["size=cpu"])
    epoch = -(-RECORDINGS["ptbxl"] // cfg["dataset"]["batch_size"])
    assert (cfg["optimization"]["max_update"], cfg["lr_scheduler"]["warmup_updates"]) == (10 * epoch, epoch)
    assert cfg["common"]["cpu"] and cfg["model"]["encoder"] == "xresnet1d50"


@pytest.mark.parametrize("size", ["paper", "cpu", "tiny"])
def test_byols_copy_leaves_the_random_network_where_it_began(size):
    cfg = compose_recipe(PAPER / "byol.yaml", [f"size={size}"])
    start, updates = cfg["model"]["momentum_start"], cfg["optimization"]["max_update"]
    left = math.prod(1 - (1 - start) * (math.cos(math.pi * n / updates) + 1) / 2 for n in range(updates))
    assert left < 0.02
    assert start == 0.996 or size != "paper"


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_scale_can_rise_again_within_the_training(method):
    cfg = compose_recipe(PAPER / f"{method}.yaml")
    assert cfg["common"]["fp16"] and 10 * cfg["common"]["fp16_scale_window"] < cfg["optimization"]["max_update"]
