"""One training with a stand-in for fairseq: what is kept, what is refused, what is never taken for another's."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from fairseq_signals.experiments import run
from fairseq_signals.experiments.lock import JobFailed, held
from fairseq_signals.experiments.plan import Selection, select_cells
from fairseq_signals.experiments.run import Place, run_job
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study_file import read_study

WRITES = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"


class StandIn:
    """Commands that write what fairseq would; `trained` and `scored` count them."""

    def __init__(self):
        self.trained, self.scored, self.score, self.code = [], [], 0.5, WRITES

    def train(self, job, dest, config):
        self.trained.append(job.name)
        return [sys.executable, "-c", self.code, str(State(job, dest).checkpoint), job.name]

    def validate(self, job, dest, config):
        self.scored.append(job.name)
        return [
            sys.executable,
            "-c",
            WRITES,
            str(State(job, dest).metrics("test")),
            json.dumps({"macro_auc": self.score}),
        ]


@pytest.fixture
def fairseq(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setattr(run, "train_command", stand_in.train)
    monkeypatch.setattr(run, "validate_command", stand_in.validate)
    return stand_in


@pytest.fixture
def job(write_study):
    study = read_study(write_study())
    return select_cells(study, Selection(tables=("own",), columns=("12",), seeds=(1,)))[0].job


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "runs")


def test_parent_and_child_are_trained_and_scored_once(fairseq, job, place):
    assert run_job(job.parent, place) and run_job(job, place)
    assert not run_job(job.parent, place) and not run_job(job, place)
    assert fairseq.trained == [job.parent.name, job.name] and fairseq.scored == [job.name]


def test_a_training_begun_anew_never_shows_the_scores_of_the_one_before(fairseq, job, place, monkeypatch):
    run_job(job.parent, place)
    run_job(job, place)
    state = State(job, place.dest)
    (state.folder / "trained.json").unlink()  # as one does to train again
    monkeypatch.setattr(run, "validate_command", lambda *job: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(JobFailed, match="ended with 3"):
        run_job(job, place)
    assert state.trained and not state.done


def test_a_misspelt_setting_discards_nothing(fairseq, job, place):
    run_job(job.parent, place)
    misspelt = replace(job.parent, settings=(*job.parent.settings, "optimization.max_updat=9"))
    with pytest.raises(ValueError, match="did you mean 'max_update'"):
        run_job(misspelt, replace(place, overwrite=True))
    assert State(job.parent, place.dest).trained


def test_nobody_discards_a_training_that_is_being_run(fairseq, job, place):
    run_job(job.parent, place)
    other = replace(job.parent, settings=(*job.parent.settings, "optimization.max_update=9"))
    folder = State(job.parent, place.dest).folder
    with held(folder, "a"), pytest.raises(JobFailed, match="being run, or started from, by another process"):
        run_job(other, replace(place, overwrite=True))
    with held(folder, "a", shared=True), pytest.raises(JobFailed, match="being run, or started from"):
        run_job(other, replace(place, overwrite=True))
    assert State(job.parent, place.dest).trained
    assert run_job(other, replace(place, overwrite=True)) and len(fairseq.trained) == 2


def test_the_lock_outlives_what_is_discarded(fairseq, job, place):
    run_job(job.parent, place)
    lock = State(job.parent, place.dest).folder / "lock"
    before = lock.stat().st_ino
    other = replace(job.parent, settings=(*job.parent.settings, "optimization.max_update=9"))
    run_job(other, replace(place, overwrite=True))
    assert lock.stat().st_ino == before


def test_a_fine_tuning_never_starts_from_another_pretraining_than_its_own(fairseq, job, place):
    other = replace(job.parent, settings=(*job.parent.settings, "optimization.max_update=9"))
    run_job(other, place)
    with pytest.raises(ValueError, match=r"pretraining/cmsc/12/seed1 was begun with: optimization\.max_update was 9"):
        run_job(job, place)
    assert not State(job, place.dest).checkpoint.exists()


def test_a_fine_tuning_waits_for_the_end_of_its_pretraining(fairseq, job, place):
    State(job.parent, place.dest).begin(overwrite=False)
    State(job.parent, place.dest).checkpoint.write_text("the best so far")
    with pytest.raises(JobFailed, match="pretraining/cmsc/12/seed1 must be trained"):
        run_job(job, place)


def test_a_pretraining_may_lose_its_weights_once_its_fine_tunings_are_done(fairseq, job, place):
    run_job(job.parent, place)
    run_job(job, place)
    State(job.parent, place.dest).checkpoint.unlink()
    assert not run_job(job.parent, place) and not run_job(job, place)


def test_scores_without_their_weights_are_one_clear_error(fairseq, job, place):
    run_job(job.parent, place)
    run_job(job, place)
    State(job, place.dest).metrics("test").unlink()
    State(job, place.dest).checkpoint.unlink()
    with pytest.raises(JobFailed, match=r"checkpoint of diagnosis/cmsc/12/seed1 must be a file, as its training ended"):
        run_job(job, place)


def test_a_validation_that_writes_nothing_has_failed(fairseq, job, place, monkeypatch):
    run_job(job.parent, place)
    monkeypatch.setattr(run, "validate_command", lambda *job: [sys.executable, "-c", ""])
    with pytest.raises(JobFailed, match=r"validation must write .*metrics_test\.json, got none"):
        run_job(job, place)


@pytest.mark.parametrize(("updates", "trains"), [(400, False), (399, True)])
def test_a_training_killed_behind_its_last_update_makes_no_further_one(fairseq, job, place, updates, trains):
    state = State(job.parent, place.dest)
    state.begin(overwrite=False)
    for path in (state.last, state.checkpoint):
        torch.save({"optimizer_history": [{"num_updates": updates}]}, path)
    run_job(job.parent, place)
    assert bool(fairseq.trained) == trains and state.trained
