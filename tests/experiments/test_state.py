import shutil
from dataclasses import replace

import pytest
import torch
import yaml

from fairseq_signals.experiments.collect import collect
from fairseq_signals.experiments.fingerprint import differences, settings_of
from fairseq_signals.experiments.plan import Selection, jobs_of, select_cells
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study_file import read_study


@pytest.fixture
def plan(write_study, write_data, tmp_path):
    """The study with its cells for 12 leads, and data that has a card alone."""
    write_data(tmp_path / "data")
    study = read_study(write_study())
    study = replace(study, data=dict.fromkeys(study.data, str(tmp_path / "data")))
    return study, select_cells(study, Selection(tables=("own",), columns=("12",), seeds=(1,)))


def job_of(plan, name: str):
    return next(job for job in jobs_of(plan[1]) if job.name.startswith(name))


def test_settings_hold_what_the_result_depends_on_and_nothing_else(plan):
    job = job_of(plan, "diagnosis")
    settings = settings_of(job)
    machine = yaml.safe_load((job.recipe.parent / "machine" / "cpu.yaml").read_text())
    assert settings["optimization.lr"] == machine["optimization"]["lr"] and settings["common.seed"] == 1
    assert settings["pretraining: criterion._name"] == "cmsc"
    assert not any(key.endswith(("save_dir", "num_workers", "log_interval", "world_size")) for key in settings)
    more = replace(job, settings=(*job.settings, "dataset.num_workers=7", "common.log_interval=3"))
    assert settings_of(more) == settings


def test_a_setting_of_the_pretraining_is_one_of_the_fine_tuning(plan):
    job = job_of(plan, "diagnosis")
    other = replace(job.parent, settings=(*job.parent.settings, "optimization.max_update=9"))
    changed = differences(settings_of(job), settings_of(replace(job, parent=other)))
    assert changed == ["pretraining: optimization.max_update was 400, is 9"]


def test_what_was_begun_with_other_settings_is_refused_or_discarded(plan, tmp_path):
    job = job_of(plan, "pretraining")
    state = State(job, tmp_path / "runs")
    state.begin(overwrite=False)
    (state.folder / "mark").touch()
    state.begin(overwrite=False)
    other = State(replace(job, settings=(*job.settings, "optimization.max_update=9")), tmp_path / "runs")
    with pytest.raises(ValueError, match=r"was begun with: optimization\.max_update was 400, is 9 .*pretraining/cmsc"):
        other.begin(overwrite=False)
    assert (state.folder / "mark").exists()
    other.begin(overwrite=True)
    assert not (state.folder / "mark").exists()
    other.check()


def test_data_that_was_prepared_anew_is_other_data(plan, write_data, tmp_path):
    job = job_of(plan, "pretraining")
    State(job, tmp_path / "runs").begin(overwrite=False)
    write_data(tmp_path / "data", "another")
    with pytest.raises(ValueError, match=r"digest of dataset\.yaml without subsets was \w{16}, is \w{16}"):
        State(job, tmp_path / "runs").check()


def test_a_table_never_mixes_settings(plan, tmp_path):
    study, cells = plan
    state = State(cells[0].job, tmp_path / "runs")
    state.begin(overwrite=False)
    state.finish_training({"seconds": 1})
    state.metrics("test").write_text('{"macro_auc": 0.75, "rank1": null}')
    rows, missing = collect(study, cells, tmp_path / "runs")
    assert [(row["row"], row["value"]) for row in rows] == [("cmsc", 0.75)] and not missing
    changed = replace(study, settings={**study.settings, "finetuning": ("machine=cpu", "optimization.max_update=5")})
    with pytest.raises(ValueError, match=r"optimization\.max_update was 300, is 5"):
        collect(
            changed, select_cells(changed, Selection(tables=("own",), columns=("12",), seeds=(1,))), tmp_path / "runs"
        )
    state.metrics("test").write_text('{"macro_auc": 0.75, "leads": ["I", "II"]}')
    with pytest.raises(ValueError, match=r"leads must be I, II, III, .*, V6, got I, II \(.*metrics_test\.json"):
        collect(study, cells, tmp_path / "runs")
    state.metrics("test").write_text('{"accuracy": 0.75}')
    with pytest.raises(ValueError, match="metric of diagnosis must be one of accuracy, got 'macro_auc'"):
        collect(study, cells, tmp_path / "runs")


def test_the_words_for_people(plan, tmp_path):
    job = job_of(plan, "diagnosis")
    state = State(job, tmp_path / "runs")
    assert state.word() == "to do"
    state.begin(overwrite=False)
    assert state.word() == "begun"
    state.finish_training({"seconds": 1})
    assert state.word() == "trained" and not state.done
    state.metrics("test").write_text("{}")
    assert state.word() == "done" and state.done


def test_a_torn_last_checkpoint_gives_way_to_the_newest_whole_one(plan, tmp_path):
    state = State(job_of(plan, "pretraining"), tmp_path / "runs")
    state.begin(overwrite=False)
    for number, name in enumerate(("checkpoint_1_100.pt", "checkpoint_1_200.pt", "checkpoint_last.pt")):
        torch.save({"cfg": {"model": {"encoder": {}}}, "model": {}, "number": number}, state.folder / name)
    whole = (state.folder / "checkpoint_last.pt").read_bytes()
    (state.folder / "checkpoint_last.pt").write_bytes(whole[: len(whole) // 2])
    state.begin(overwrite=False)
    assert torch.load(state.folder / "checkpoint_last.pt", weights_only=True)["number"] == 1
    shutil.copyfile(state.folder / "checkpoint_1_100.pt", state.folder / "checkpoint_last.pt")
    state.begin(overwrite=False)  # a whole one stays, though it is not the newest
    assert torch.load(state.folder / "checkpoint_last.pt", weights_only=True)["number"] == 0
