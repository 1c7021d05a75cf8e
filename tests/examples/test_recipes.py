"""Every shipped recipe is composed at its own size, and trained for two updates at the tiny one."""

from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RECIPES = sorted(path for path in EXAMPLES.rglob("*.yaml") if path.parent.parent == EXAMPLES)
SMALL = ["dataset.num_workers=0", "dataset.batch_size=8"]
START = {
    "ecg_pretraining": ["size=tiny"],
    "ecg_classification": ["machine=cpu", "model.pretrained=random", "+model.encoder._name=wav2vec2_tiny"],
    "ecg_identification": [
        "machine=cpu",
        "model.pretrained=random",
        "+model.encoder._name=wav2vec2_tiny",
        "lr_scheduler.phase_ratio=[0.5,0.0,0.5]",  # two updates leave no room for three phases
    ],
}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_there_are_recipes():
    assert len(RECIPES) >= 5


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_the_head_of_a_recipe_tells_command_batch_and_cost(recipe):
    head = "".join(line for line in recipe.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert recipe.read_text().startswith("# @package _global_\n")
    for word in ("fairseq-hydra-train", f"--config-name {recipe.stem}", "Batch:", "Cost:"):
        assert word in head
    assert yaml.safe_load(recipe.read_text())["defaults"][0] == "_self_"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_recipe_trains(recipe, run_command, ecg_data, tmp_path):
    task = yaml.safe_load(recipe.read_text())["task"]["_name"]
    command = ["--config-dir", recipe.parent, "--config-name", recipe.stem, "common.user_dir=fairseq_signals"]
    where = [f"task.data={ecg_data}", f"checkpoint.save_dir={tmp_path}", f"hydra.run.dir={tmp_path / 'hydra'}"]
    run_command("fairseq-hydra-train", *command, *where, *START[task], *SMALL, "optimization.max_update=2")
    assert (tmp_path / "checkpoint_last.pt").is_file()


@pytest.mark.slow
def test_the_papers_size_composes(run_command, tmp_path):
    command = ["--config-dir", EXAMPLES / "oh2022", "--config-name", "w2v_cmsc_rlm", "--cfg", "job"]
    composed = run_command("fairseq-hydra-train", *command, "task.data=x", folder=EXAMPLES.parent).stdout
    cfg = yaml.safe_load(composed[composed.index("common:") :])
    gpus = cfg["distributed_training"]["distributed_world_size"]
    windows = gpus * cfg["dataset"]["batch_size"] * cfg["optimization"]["update_freq"][0]
    assert windows == 512  # the paper's batch: 512 ten-second windows, 1,024 segments
    assert cfg["model"]["encoder"] == "wav2vec2_base" and cfg["task"]["rate"] == 500
