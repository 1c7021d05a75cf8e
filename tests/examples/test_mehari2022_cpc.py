"""The recipe of contrastive predictive coding says what Mehari & Strodthoff 2022 and their public code say."""

from pathlib import Path

import pytest

from fairseq_signals.experiments.composition import compose_recipe

RECIPE = Path(__file__).resolve().parents[2] / "examples" / "mehari2022" / "cpc.yaml"


def test_it_is_the_papers():
    cfg = compose_recipe(RECIPE)
    task, model = cfg["task"], cfg["model"]
    assert (task["views"], task["transforms"], task["windows"]) == ("single", [], "random")
    assert (task["rate"], task["window_seconds"]) == (100.0, 10.0)
    assert (model["_name"], model["encoder"], cfg["criterion"]) == ("ecg_cpc", "cpc", {"_name": "cpc"})
    assert [model[name] for name in ("steps", "cpc_negatives", "predictor_hidden")] == [12, 128, 512]
    assert cfg["optimizer"] == {"_name": "adam", "weight_decay": 0.001}  # fairseq's adam decays as AdamW
    assert cfg["lr_scheduler"] == {"_name": "fixed", "warmup_updates": 0}
    assert cfg["optimization"] == {"lr": [1e-4], "max_update": 0, "max_epoch": 200}
    gpus = cfg["distributed_training"]["distributed_world_size"]
    assert gpus * cfg["dataset"]["batch_size"] == 32 and cfg["common"]["fp16"]
    assert cfg["checkpoint"]["save_interval"] == cfg["dataset"]["validate_interval"] == 1


@pytest.mark.parametrize("size", ["cpu", "tiny"])
def test_smaller_sizes_keep_its_choices(size):
    cfg = compose_recipe(RECIPE, [f"size={size}"])
    assert cfg["common"]["cpu"] and cfg["model"]["_name"] == "ecg_cpc" and cfg["model"]["cpc_negatives"] == 128
    assert cfg["lr_scheduler"] == {"_name": "fixed", "warmup_updates": 0}
    if size == "cpu":  # one epoch of folds 1 to 8 of PTB-XL
        assert cfg["model"]["encoder"] == "cpc" and cfg["optimization"]["max_update"] == -(-17417 // 32)
