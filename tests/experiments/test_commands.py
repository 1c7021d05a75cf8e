from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fairseq_signals.experiments.commands import train_command
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.launch import multirun
from fairseq_signals.experiments.plan import Selection, select_cells
from fairseq_signals.experiments.run import Place
from fairseq_signals.experiments.study_file import read_study

ODD = "läufe, a=b (1) 'x' [y]"


@pytest.fixture
def job(write_study):
    study = read_study(write_study(**{"diagnosis: data/b": f'diagnosis: "{ODD}"'}))
    return select_cells(study, Selection(tables=("own",), columns=("12",), seeds=(1,)))[0].job


def read_back(words: list[str]) -> dict:
    parser = OverridesParser.create()
    changes = [parser.parse_override(word) for word in words if "=" in word]
    return {change.key_or_group: change.value() for change in changes}  # the last one counts


def test_a_training_knows_its_folder_data_and_start_whatever_they_are_called(job, tmp_path):
    config = compose_recipe(job.recipe, list(job.settings))
    given = read_back(train_command(job, tmp_path / ODD, config))
    assert given["task.data"] == ODD
    assert given["checkpoint.save_dir"] == str(tmp_path / ODD / "diagnosis/cmsc/12/seed1")
    assert given["model.pretrained"] == str(tmp_path / ODD / "pretraining/cmsc/12/seed1/checkpoint_best.pt")


def test_a_recipe_that_names_no_devices_takes_one(job, tmp_path):
    config = compose_recipe(job.recipe, list(job.settings))
    config.pop("distributed_training", None)
    assert read_back(train_command(job, tmp_path, config))["distributed_training.distributed_world_size"] == 1
    four = compose_recipe(job.recipe, ["distributed_training.distributed_world_size=4"])
    assert read_back(train_command(job, tmp_path, four))["distributed_training.distributed_world_size"] == 4


def test_a_launcher_hands_on_the_arguments_letter_by_letter(job, tmp_path):
    arguments = ["run", "study.yaml", "--dest", ODD, "--finetuning", "optimization.lr=[0.1,0.2]", 'a"b', "c\\"]
    words = multirun([job, job.parent], Place(Path(tmp_path / ODD)), arguments, "basic", [])
    parser = OverridesParser.create()
    changes = {change.key_or_group: change for change in parser.parse_overrides(words[4:])}
    assert changes["arguments"].value() == arguments
    assert [given.text for given in changes["job"].value().list] == [job.name, job.parent.name]
    assert changes["hydra.sweep.dir"].value() == str(tmp_path / ODD / "launches")
