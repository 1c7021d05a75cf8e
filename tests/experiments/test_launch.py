import importlib.util

import pytest

from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.launch import launch, waves
from fairseq_signals.experiments.run import Place


@pytest.mark.parametrize("absent", ["launcher", "every plug-in"])
def test_a_launcher_that_is_not_installed_is_named_with_its_extra(monkeypatch, tmp_path, absent):
    def find(name: str):
        if absent == "every plug-in":
            raise ModuleNotFoundError(name)

    monkeypatch.setattr("fairseq_signals.experiments.launch.find_spec", find)
    with pytest.raises(ValueError, match=r"got none for submitit_slurm: pip install 'fairseq-signals\[slurm\]'"):
        launch([], Place(tmp_path), [], "submitit_slurm", [])


def test_an_installed_one_or_hydras_own_is_taken(tmp_path):
    assert launch([], Place(tmp_path), [], "basic", []) == 0
    if importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher"):
        assert launch([], Place(tmp_path), [], "submitit_local", []) == 0


def test_each_wave_waits_for_what_it_starts_from():
    first = Job("pretraining", "data")
    step = Job("head", "data", parent=first)
    second = Job("both", "data", parent=step)
    alone = Job("supervised", "data")
    assert waves([first, step, second, alone]) == [[first, alone], [step], [second]]
