"""Several trainings, of which the one that validates best is scored; a stand-in takes fairseq's place."""

import sys
from dataclasses import replace

import pytest
import torch

from fairseq_signals.experiments import run
from fairseq_signals.experiments.fingerprint import settings_of
from fairseq_signals.experiments.held_out import check_jobs
from fairseq_signals.experiments.lock import JobFailed
from fairseq_signals.experiments.plan import Selection, jobs_of, select_cells
from fairseq_signals.experiments.run import Place, run_job
from fairseq_signals.experiments.schedule import run_all
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study_file import read_study

SWEEP = "metric: macro_auc, sweep: {optimization.lr: ['[0.001]', '[1e-4]'], ++model.head_hidden: ['0', '8']}"
BEST = {"lr=0.001,head_hidden=0": 0.5, "lr=0.001,head_hidden=8": 0.75, "lr=1e-4,head_hidden=0": 0.25}
BEST["lr=1e-4,head_hidden=8"] = 0.625
WRITES = "import sys, pathlib; [pathlib.Path(name).write_text('{\"macro_auc\": 0.5}') for name in sys.argv[1:]]"


@pytest.fixture
def select(write_study):
    def cells(**changes: str):
        changes = {"metric: macro_auc": SWEEP, **changes}
        return select_cells(read_study(write_study(**changes)), Selection(tables=("own",), columns=("12",), seeds=(1,)))

    return cells


@pytest.fixture
def fairseq(monkeypatch, tmp_path):
    scored = []

    def train(job, dest, config):
        made = tmp_path / f"{job.name.replace('/', '-')}.pt"
        best = BEST.get(job.name.rpartition("/")[2], 1.0)
        torch.save({"model": {}, "cfg": {"model": {"encoder": "e"}}, "extra_state": {"best": best}}, made)
        return ["cp", str(made), str(State(job, dest).checkpoint)]

    def validate(job, dest, config):
        scored.append((job.name, str(State(job, dest).checkpoint)))
        return [sys.executable, "-c", WRITES, *(str(State(job, dest).metrics(name)) for name in job.subsets)]

    monkeypatch.setattr(run, "train_command", train)
    monkeypatch.setattr(run, "validate_command", validate)
    return scored


def test_each_combination_is_a_training_and_one_choice_follows_them(select):
    jobs = jobs_of(select())
    names = [f"sweep/diagnosis/cmsc/12/seed1/{short}" for short in BEST]
    assert [job.name for job in jobs] == ["pretraining/cmsc/12/seed1", *names, "diagnosis/cmsc/12/seed1"]
    assert [job.depth for job in jobs] == [0, 1, 1, 1, 1, 2]
    assert jobs[3].settings[-2:] == ("optimization.lr=[1e-4]", "++model.head_hidden=0")
    assert all(job.parent is jobs[0] or job.parent == jobs[0] for job in jobs[1:])
    assert [bool(job.subsets) for job in jobs] == [False, False, False, False, False, True]
    assert jobs[-1].pretraining == jobs[0] and jobs[0].pretraining == jobs[0]


def test_without_a_pretraining_the_first_choice_is_not_taken_for_one(select):
    (cell,) = select(**{"rows: [cmsc]": "rows: [random_init]"})
    assert cell.job.pretraining is None and len(jobs_of([cell])) == 5
    check_jobs(jobs_of([cell]))  # looks at no data: nothing is pre-trained


@pytest.mark.parametrize(("maximise", "expected"), [(False, "lr=1e-4,head_hidden=0"), (True, "lr=0.001,head_hidden=8")])
def test_the_one_that_validates_best_is_scored_and_no_other(select, fairseq, tmp_path, maximise, expected):
    setting = f"finetuning: [machine=cpu, checkpoint.maximize_best_checkpoint_metric={str(maximise).lower()}]"
    (cell,) = select(**{"finetuning: [machine=cpu]": setting})
    place, jobs = Place(tmp_path / "runs"), jobs_of([cell])
    outcomes = run_all(jobs, lambda job, gpus: run_job(job, place), at_once=2)
    assert not outcomes.failed and all(outcomes.ran.values())
    state = State(cell.job, place.dest)
    chosen = f"sweep/diagnosis/cmsc/12/seed1/{expected}"
    assert fairseq == [(cell.job.name, str(place.dest / chosen / "checkpoint_best.pt"))]
    assert state.done and state.facts()["chosen"] == chosen
    assert state.facts()["scores"] == {f"sweep/diagnosis/cmsc/12/seed1/{name}": best for name, best in BEST.items()}
    assert not any(run_job(job, place) for job in jobs)


def test_nothing_is_chosen_while_one_is_missing(select, fairseq, tmp_path):
    (cell,) = select()
    place = Place(tmp_path / "runs")
    for job in jobs_of([cell])[:-2]:
        run_job(job, place)
    with pytest.raises(JobFailed, match="lr=1e-4,head_hidden=8 must be trained"):
        run_job(cell.job, place)
    assert not fairseq and not State(cell.job, place.dest).trained


def test_a_choice_among_others_is_another_choice(select):
    (cell,) = select()
    fewer = replace(cell.job, choices=cell.job.choices[:3])
    assert settings_of(cell.job) != settings_of(fewer)
    assert settings_of(cell.job)["choices"][1] == ["optimization.lr=[0.001]", "++model.head_hidden=8"]


def test_a_training_that_fails_stops_the_choice(select, tmp_path):
    jobs = jobs_of(select())

    def fails(job, gpus):
        if job.name.endswith("lr=1e-4,head_hidden=0"):
            raise ValueError("broken")
        return True

    outcomes = run_all(jobs, fails)
    assert set(outcomes.failed) == {jobs[3].name, jobs[-1].name}
    assert outcomes.failed[jobs[-1].name] == f"not run, as {jobs[3].name} failed"


SHARING = {
    "columns:\n": "  elsewhere: {label: Other, shares: diagnosis, metric: f1, subset: institution2}\ncolumns:\n",
    "    tasks: [diagnosis]": "    tasks: [diagnosis, elsewhere]",
}


def test_one_training_is_scored_on_the_subsets_of_all_tasks_that_share_it(select, fairseq, tmp_path):
    cells = select(**SHARING)
    assert [cell.task for cell in cells] == ["diagnosis", "elsewhere"]
    assert cells[0].job == cells[1].job and cells[0].job.subsets == ("test", "institution2")
    place = Place(tmp_path / "runs")
    for job in jobs_of(cells):
        run_job(job, place)
    state = State(cells[0].job, place.dest)
    assert state.done and len(fairseq) == 1
    state.metrics("institution2").unlink()
    assert not state.done and state.trained


def test_every_subset_that_is_scored_must_be_unseen(select, tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(
        "fairseq_signals.experiments.held_out.check_held_out",
        lambda data, folders, scored, subset: looked.append((set(scored.values()), subset)),
    )
    check_jobs(jobs_of(select(**SHARING)))
    assert looked == [({"test"}, "pretrain"), ({"institution2"}, "pretrain")]
