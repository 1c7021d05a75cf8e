"""The recipe of Sawano et al. 2022's pre-training says what the paper and He et al. 2022 say."""

from pathlib import Path

import pytest

from fairseq_signals.encoders import resolve_encoder
from fairseq_signals.experiments.composition import compose_recipe

RECIPE = Path(__file__).resolve().parents[2] / "examples" / "sawano2022" / "mae.yaml"


def test_it_is_the_papers():
    cfg = compose_recipe(RECIPE)
    task, model = cfg["task"], cfg["model"]
    assert (task["rate"], task["window_seconds"], task["views"], task["transforms"]) == (500.0, 10.0, "single", [])
    encoder = resolve_encoder(model["encoder"], input_rate=500.0, input_leads=12)
    assert [encoder[name] for name in ("layers", "dim", "heads", "patch_seconds")] == [24, 1024, 16, 0.5]
    assert [model[f"reconstruction_{name}"] for name in ("dim", "layers", "heads")] == [512, 8, 16]
    assert (model["_name"], model["masked_share"], cfg["criterion"]["_name"]) == ("ecg_mae", 0.75, "mae")


def test_optimiser_and_schedule_are_he_et_als():
    cfg = compose_recipe(RECIPE)
    assert cfg["optimizer"] == {"_name": "adam", "adam_betas": "(0.9,0.95)", "weight_decay": 0.05}
    batch = cfg["dataset"]["batch_size"] * cfg["distributed_training"]["distributed_world_size"]
    assert batch == 1024 and cfg["optimization"]["lr"] == [pytest.approx(1.5e-4 * batch / 256)]
    epoch = -(-37456 // batch)  # of the paper's Dataset1
    assert (cfg["optimization"]["max_update"], cfg["lr_scheduler"]["warmup_updates"]) == (1600 * epoch, 40 * epoch)
    assert cfg["lr_scheduler"]["_name"] == "cosine"


def test_forty_epochs_on_a_processor_are_forty_epochs_of_the_papers_patches():
    cfg = compose_recipe(RECIPE, ["size=cpu"])
    epoch = -(-17417 // cfg["dataset"]["batch_size"])
    assert (cfg["optimization"]["max_update"], cfg["lr_scheduler"]["warmup_updates"]) == (40 * epoch, epoch)
    encoder = resolve_encoder(cfg["model"]["encoder"], input_rate=cfg["task"]["rate"], input_leads=12)
    assert encoder["patch_seconds"] == 0.5 and cfg["model"]["masked_share"] == 0.75 and cfg["common"]["cpu"]
