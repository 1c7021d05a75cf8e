"""Every shipped recipe is composed at its own size, and trained for two updates at the tiny one."""

from pathlib import Path

import pytest
import yaml

from fairseq_signals.encoders import resolve_encoder
from fairseq_signals.evaluation.session_pairs import ANOTHER_SESSION
from fairseq_signals.experiments.composition import compose_recipe

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PAPER = EXAMPLES / "oh2022"
# A paper's tables are no recipes: they say which recipes stand behind them.
FILES = sorted(path for path in EXAMPLES.rglob("*.yaml") if path.parent.parent == EXAMPLES)
RECIPES = [path for path in FILES if not path.stem.startswith("tables")]
SMALL = ["dataset.num_workers=0", "dataset.batch_size=8"]
SMALLEST = {"size": "tiny", "machine": "cpu", "start": "random_init"}  # of the groups that a recipe chooses from
# What else a recipe needs on data that has all splits and classes, but no ejection fraction.
ELSEWHERE = {
    "nakamoto2022/lvsd": ["task.classes=null"],
    "sawano2022/lvsd": [
        "task.classes=null",
        "dataset.train_subset=train",
        "dataset.valid_subset=valid",
        "model.encoder={_name: vit_tiny, layers: 1, dim: 32, heads: 2, hidden: 64}",
    ],
}
PHYSIO3 = ["powerline", "emg", "baseline_wander"]
PHYSIO4 = [*PHYSIO3, "baseline_shift"]
RLM = ["random_lead_masking"]
METHODS = {  # of the paper's tables: views, transforms, model, criterion
    "w2v": ("adjacent", [], "ecg_wav2vec2", "w2v"),
    "w2v_rlm": ("adjacent", RLM, "ecg_wav2vec2", "w2v"),
    "cmsc": ("adjacent", [], "ecg_contrastive", "cmsc"),
    "cmsc_rlm": ("adjacent", RLM, "ecg_contrastive", "cmsc"),
    "simclr_rlm": ("augment", RLM, "ecg_contrastive", "nt_xent"),
    "3kg": ("augment", ["vcg", "lead_time_mask"], "ecg_contrastive", "nt_xent"),
    "w2v_cmsc": ("adjacent", [], "ecg_wav2vec2", "w2v_cmsc"),
    "w2v_cmsc_rlm": ("adjacent", RLM, "ecg_wav2vec2", "w2v_cmsc"),
    "w2v_cmsc_physio3": ("adjacent", PHYSIO3, "ecg_wav2vec2", "w2v_cmsc"),
    "w2v_cmsc_physio4": ("adjacent", PHYSIO4, "ecg_wav2vec2", "w2v_cmsc"),
    "w2v_cmsc_rlm_physio3": ("adjacent", PHYSIO3 + RLM, "ecg_wav2vec2", "w2v_cmsc"),
    "w2v_cmsc_rlm_physio4": ("adjacent", PHYSIO4 + RLM, "ecg_wav2vec2", "w2v_cmsc"),
}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def groups(recipe: Path) -> list[str]:
    """The groups that a recipe chooses from."""
    defaults = yaml.safe_load(recipe.read_text())["defaults"]
    return [group for entry in defaults if isinstance(entry, dict) for group in entry]


def smallest(recipe: Path) -> list[str]:
    """What makes a recipe small enough for two updates on a processor."""
    options = [f"{group}={SMALLEST[group]}" for group in groups(recipe) if group in SMALLEST]
    options += ELSEWHERE.get(name(recipe), [])
    if yaml.safe_load(recipe.read_text()).get("lr_scheduler", {}).get("_name") == "tri_stage":
        options.append("lr_scheduler.phase_ratio=[0.5,0.0,0.5]")  # two updates leave no room for three phases
    return options


PRETRAINING = [recipe for recipe in RECIPES if recipe.parent == PAPER and "pretraining" in groups(recipe)]


def test_there_are_recipes():
    assert {recipe.stem for recipe in PRETRAINING} >= set(METHODS)
    assert {recipe.stem for recipe in RECIPES if recipe.parent == PAPER} >= {"diagnosis", "identification"}


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


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_the_tables_is_the_papers_four_choices(method):
    cfg = compose_recipe(PAPER / f"{method}.yaml")
    task = cfg["task"]
    assert (task["views"], task["transforms"], cfg["model"]["_name"], cfg["criterion"]["_name"]) == METHODS[method]


@pytest.mark.parametrize("recipe", PRETRAINING, ids=name)
@pytest.mark.parametrize(("size", "rate", "segments"), [("base", 500, 1024), ("tiny", 100, 64)])
def test_an_update_holds_as_many_segments_with_every_method(recipe, size, rate, segments):
    cfg = compose_recipe(recipe, [f"size={size}", "task.leads=2", "task.drop_leads=true"])
    gpus = cfg.get("distributed_training", {}).get("distributed_world_size", 1)
    windows = gpus * cfg["dataset"]["batch_size"] * cfg["optimization"].get("update_freq", [1])[0]
    # The paper's batch: 512 windows of ten seconds, 1,024 segments of five, which is what an encoder sees.
    assert windows * cfg["task"]["window_seconds"] == 5 * segments
    view = cfg["task"]["window_seconds"] / (2 if cfg["task"]["views"] == "adjacent" else 1)
    assert view == 5.0 and cfg["task"]["rate"] == rate
    assert cfg["model"]["encoder"] == f"wav2vec2_{size}"
    assert (cfg["task"]["leads"], cfg["task"]["drop_leads"]) == (2, True)


@pytest.mark.parametrize("recipe", PRETRAINING, ids=name)
def test_optimiser_and_schedule_are_the_papers_with_every_method(recipe):
    cfg = compose_recipe(recipe)
    assert cfg["optimization"] == {"max_epoch": 200, "lr": [5e-5], "update_freq": [2]}
    assert cfg["lr_scheduler"] == {"_name": "fixed"}
    settings = {"adam_betas": "(0.9,0.98)", "adam_eps": 1e-6, "weight_decay": 0.01}
    assert cfg["optimizer"] == {"_name": "adam", **settings}


@pytest.mark.parametrize("task", ["diagnosis", "identification"])
def test_fine_tuning_starts_from_a_checkpoint_or_at_random(task):
    recipe = PAPER / f"{task}.yaml"
    pretrained, random, cpu = (
        compose_recipe(recipe, changes)["model"]
        for changes in (["model.pretrained=a.pt"], ["start=random_init"], ["start=random_init", "machine=cpu"])
    )
    assert pretrained["pretrained"] == "a.pt" and "_name" not in pretrained["encoder"]
    assert random == {
        **pretrained,
        "pretrained": "random",
        "encoder": {**pretrained["encoder"], "_name": "wav2vec2_base"},
    }
    assert cpu == {**random, "encoder": {**random["encoder"], "_name": "wav2vec2_tiny"}}
    by_hand = ["machine=cpu", "model.pretrained=random", "+model.encoder._name=wav2vec2_tiny"]
    assert compose_recipe(recipe, by_hand)["model"] == cpu
    named = ["machine=cpu", "start=random_init", "model.encoder._name=wav2vec2_small"]
    assert compose_recipe(recipe, named)["model"]["encoder"]["_name"] == "wav2vec2_small"
    assert compose_recipe(recipe)["model"]["pretrained"] == "???"  # fairseq stops and asks for it


@pytest.mark.parametrize("task", ["diagnosis", "identification"])
def test_another_encoder_is_given_no_settings_of_wav2vec2(task):
    def encoder(*changes):
        return compose_recipe(PAPER / f"{task}.yaml", changes)["model"]["encoder"]

    known = {"dropout", "attention_dropout", "activation_dropout", "feature_gradient", "input_dropout"}
    assert set(encoder()) == known and encoder("model.encoder.feature_gradient=0.0")["feature_gradient"] == 0.0
    assert encoder("encoder=other") == {} and encoder("model.encoder=null") is None
    random = ["start=random_init", "model.encoder._name=xresnet1d18"]
    for machine in ("cpu", "gpu"):
        assert encoder("encoder=other", *random, f"machine={machine}") == {"_name": "xresnet1d18"}
    assert resolve_encoder(encoder("encoder=other", *random), input_rate=100.0, input_leads=12)["_name"] == "xresnet1d"
    with pytest.raises(ValueError, match=r"settings of encoder xresnet1d18 must be among .*got 'dropout'"):
        resolve_encoder(encoder(*random), input_rate=100.0, input_leads=12)


def test_the_network_and_the_whitening_imitate_the_same_other_sessions():
    recipe = yaml.safe_load((EXAMPLES / "oh2022" / "identification_nt_xent.yaml").read_text())
    assert recipe["task"]["transforms"] == list(ANOTHER_SESSION)
