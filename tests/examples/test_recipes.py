"""Every shipped recipe is composed at its own size, and trained for two updates at the tiny one."""

from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RECIPES = sorted(path for path in EXAMPLES.rglob("*.yaml") if path.parent.parent == EXAMPLES)
SMALL = ["dataset.num_workers=0", "dataset.batch_size=8"]
SMALLEST = {"size": "tiny", "machine": "cpu", "start": "random_init"}  # of the groups that a recipe chooses from


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def smallest(recipe: Path) -> list[str]:
    """What makes a recipe small enough for two updates on a processor."""
    content = yaml.safe_load(recipe.read_text())
    groups = [group for entry in content["defaults"] if isinstance(entry, dict) for group in entry]
    options = [f"{group}={SMALLEST[group]}" for group in groups if group in SMALLEST]
    if content.get("lr_scheduler", {}).get("_name") == "tri_stage":
        options.append("lr_scheduler.phase_ratio=[0.5,0.0,0.5]")  # two updates leave no room for three phases
    return options


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
    command = ["--config-dir", recipe.parent, "--config-name", recipe.stem, "common.user_dir=fairseq_signals"]
    where = [f"task.data={ecg_data}", f"checkpoint.save_dir={tmp_path}", f"hydra.run.dir={tmp_path / 'hydra'}"]
    run_command("fairseq-hydra-train", *command, *where, *smallest(recipe), *SMALL, "optimization.max_update=2")
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
