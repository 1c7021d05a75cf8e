"""A recipe composes to what the command itself would run, and what the command refuses is refused."""

import subprocess
import sys
from pathlib import Path

import hydra.version
import pytest
import yaml

from fairseq_signals.experiments.composition import compose_recipe, quoted
from fairseq_signals.experiments.fairseq_sections import PARTS, SECTIONS

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "oh2022"
RECIPES = sorted(FOLDER.glob("*.yaml"))
RECIPES = [path for path in RECIPES if path.read_text().startswith("# @package _global_")]
W2V = FOLDER / "w2v.yaml"

OWN = """\
# @package _global_
defaults:
  - _self_
  - size: small
task: {_name: ecg_pretraining, data: "???", rate: 500.0, window_seconds: 10.0}
optimization: {max_update: 5}
dataset: {batch_size: 2, batch_size_valid: "${dataset.batch_size}"}
"""
SMALL = "# @package _global_\ntask:\n  rate: 100.0\n"


@pytest.fixture
def own(tmp_path):
    """A recipe with a group of two choices beside it."""
    (tmp_path / "size").mkdir()
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "size" / "small.yaml").write_text(SMALL)
    (tmp_path / "size" / "large.yaml").write_text(SMALL.replace("100.0", "250.0"))
    return tmp_path / "own.yaml"


def test_groups_overlay_the_recipe_and_changes_overlay_both(own):
    composed = compose_recipe(own)
    assert composed["task"] == {"_name": "ecg_pretraining", "data": "???", "rate": 100.0, "window_seconds": 10.0}
    assert composed["dataset"]["batch_size_valid"] == 2
    assert compose_recipe(own, ["size=large"])["task"]["rate"] == 250.0
    changed = compose_recipe(own, ["task.rate=50.0", "task.data=somewhere", "dataset.batch_size=7"])
    assert changed["task"]["rate"] == 50.0 and changed["task"]["data"] == "somewhere"
    assert changed["dataset"]["batch_size_valid"] == 7


def test_what_fairseq_knows_is_changed_although_the_recipe_is_silent(own):
    changes = ["distributed_training.distributed_world_size=4", "optimization.update_freq=[2]", "hydra.run.dir=x"]
    composed = compose_recipe(own, changes)
    assert composed["distributed_training"] == {"distributed_world_size": 4}
    assert composed["optimization"] == {"max_update": 5, "update_freq": [2]} and "hydra" not in composed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("size=huge", r"Could not find 'size/huge' Available options in 'size': large small \("),
        ("task.rat=100", "task.rat"),
        ("optimization.max_updat=3", "setting of optimization must be .* got 'max_updat'; did you mean 'max_update'"),
        ("+optimization.lr=[1.0]", r"without \+, got '\+optimization.lr"),
        ("+nothing.at.all=3", "section must be one that fairseq knows, got 'nothing'"),
        ("dataset.batch_size=1,2", "sweep"),
        ("optimization.lr=[1", "no viable alternative"),
    ],
)
def test_what_the_command_refuses_is_one_clear_error(own, change, message):
    with pytest.raises(ValueError, match=message) as caught:
        compose_recipe(own, [change])
    assert "\n" not in str(caught.value) and str(own) in str(caught.value) and change in str(caught.value)


def test_a_key_that_fairseq_does_not_know_is_refused_in_the_recipe_itself(own):
    own.write_text(OWN.replace("max_update", "max_updates"))
    with pytest.raises(ValueError, match="got 'max_updates'; did you mean 'max_update'"):
        compose_recipe(own)


def test_a_recipe_that_is_no_yaml(own):
    own.write_text("task: {rate: 1")
    with pytest.raises(ValueError, match="recipe must compose, got: while parsing"):
        compose_recipe(own)


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"recipe must be a yaml file, got none at .*none\.yaml"):
        compose_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "/a b/c",
        "/a,b",
        "/a=b",
        "/läufe",
        "/a(1)",
        "0123",
        "1_0",
        "null",
        "~/x",
        "/a'b",
        "/a\\'b",
        "/a\\",
        "/a${b}",
        " x ",
    ],
)
def test_a_quoted_text_is_read_back_letter_by_letter(own, text):
    assert compose_recipe(own, [f"task.data={quoted(text)}"])["task"]["data"] == text


def test_an_application_of_hydra_keeps_its_version(own, monkeypatch):
    # For this test alone: fairseq's own calls are refused from version 1.2 on.
    monkeypatch.setattr(hydra.version.VersionBase.instance(), "version_base", None)
    hydra.version.setbase("1.3")
    compose_recipe(own)
    assert str(hydra.version.getbase()) == "1.3"


def test_hydra_is_left_as_it_was_and_fairseq_stays_away():
    program = (
        "import sys; from fairseq_signals.experiments.composition import compose_recipe; "
        "from hydra.core.global_hydra import GlobalHydra; "
        f"compose_recipe({str(W2V)!r}, ['size=tiny']); "
        "assert not GlobalHydra.instance().is_initialized(); "
        "sys.exit('fairseq' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=FOLDER.parents[1]).returncode == 0


def test_there_are_recipes():
    assert len(RECIPES) >= 5


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_composes(recipe):
    composed = compose_recipe(recipe)
    assert composed["task"]["_name"].startswith("ecg_") and composed["task"]["data"] == "???"


def test_sections_are_those_of_fairseqs_dataclasses():
    from dataclasses import fields, is_dataclass

    from fairseq.dataclass.configs import FairseqConfig

    known = {name: field.default for name, field in FairseqConfig.__dataclass_fields__.items() if name != "_name"}
    theirs = {name: {x.name for x in fields(value)} for name, value in known.items() if is_dataclass(value)}
    assert theirs == SECTIONS
    assert set(known) - set(theirs) == PARTS


@pytest.mark.slow
def test_it_is_what_fairseq_hydra_train_composes(run_command):
    changes = ["size=tiny", "task.data=x", "optimization.update_freq=[3]", "common.user_dir=fairseq_signals"]
    place = ["--config-dir", FOLDER, "--config-name", "w2v", "--cfg", "job"]
    printed = run_command("fairseq-hydra-train", *place, *changes).stdout
    theirs = yaml.safe_load(printed[printed.index("common:") :])
    ours = compose_recipe(W2V, changes)
    for section, settings in ours.items():
        whole = section in PARTS  # of which fairseq shows no default here
        assert (theirs[section] if whole else {key: theirs[section][key] for key in settings}) == settings
