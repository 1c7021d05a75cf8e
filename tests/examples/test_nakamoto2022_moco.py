"""The recipe of Nakamoto et al. 2022's pre-training says what the paper and MoCo's public code say."""

from pathlib import Path

import pytest

from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.transforms.pipeline import resolve_transforms

RECIPE = Path(__file__).resolve().parents[2] / "examples" / "nakamoto2022" / "moco.yaml"


def test_it_is_the_papers():
    cfg = compose_recipe(RECIPE)
    task, model = cfg["task"], cfg["model"]
    assert (task["rate"], task["window_seconds"], task["views"]) == (500.0, 10.0, "augment")
    (subset,) = resolve_transforms(task["transforms"])
    names = [member["_name"] for member in subset["members"]]
    assert sorted(names) == ["baseline_shift", "gaussian_blur", "gaussian_noise", "random_erasing", "resize"]
    assert (model["_name"], model["encoder"], model["contrast_head"]) == ("ecg_moco", "attia", "none")
    assert cfg["optimizer"]["_name"] == "adam" and cfg["optimization"]["lr"] == [1e-4]
    assert cfg["criterion"] == {"_name": "moco", "moco_temperature": 0.07} and model["copy_momentum"] == 0.999


def test_updates_are_the_public_codes_epochs_of_the_papers_recordings():
    cfg = compose_recipe(RECIPE)
    epoch = -(-20693 // 256)
    assert cfg["dataset"]["batch_size"] * cfg["distributed_training"]["distributed_world_size"] == 256
    assert cfg["optimization"]["max_update"] == 200 * epoch
    assert 10 * cfg["common"]["fp16_scale_window"] < cfg["optimization"]["max_update"]


def test_the_public_codes_optimiser_is_a_word_away():
    cfg = compose_recipe(RECIPE, ["optimisation=sgd"])
    assert cfg["optimizer"] == {"_name": "nag", "momentum": 0.9, "weight_decay": 0.0001}
    assert cfg["optimization"]["lr"] == [0.03] and cfg["lr_scheduler"]["_name"] == "cosine"


@pytest.mark.parametrize(("size", "recordings"), [("paper", 20693), ("cpu", 17417)])
def test_the_queue_is_full_in_the_first_epoch_and_rarely_holds_a_querys_own_key(size, recordings):
    cfg = compose_recipe(RECIPE, [f"size={size}"])
    queue = cfg["model"]["queued_keys"]
    # A recording's last visit lies up to two epochs back, one epoch most often: a triangle.
    assert queue < recordings and (queue / recordings) ** 2 / 2 < 0.025


@pytest.mark.parametrize("size", ["paper", "cpu", "tiny"])
def test_the_copy_leaves_the_random_network_where_it_began(size):
    cfg = compose_recipe(RECIPE, [f"size={size}"])
    assert cfg["model"]["copy_momentum"] ** cfg["optimization"]["max_update"] < 0.02


def test_ten_epochs_on_a_processor_are_ten_epochs():
    cfg = compose_recipe(RECIPE, ["size=cpu"])
    epoch = -(-17417 // cfg["dataset"]["batch_size"])
    assert (cfg["optimization"]["max_update"], cfg["lr_scheduler"]["warmup_updates"]) == (10 * epoch, epoch)
    assert cfg["common"]["cpu"] and cfg["model"]["encoder"] == "attia" and cfg["task"]["rate"] == 100.0
