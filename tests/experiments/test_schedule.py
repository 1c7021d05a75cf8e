import threading
import time
from pathlib import Path

import pytest

from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.schedule import run_all


def family() -> list[Job]:
    parent, other = Job("pretraining/a", "data"), Job("pretraining/b", "data")
    return [parent, *(Job(f"diagnosis/a/{n}", "data", parent=parent) for n in range(3)), other,
            Job("diagnosis/b", "data", parent=other)]  # fmt: skip


class Recorder:
    """Runs jobs by noting when they begin and end."""

    def __init__(self, failing: str = ""):
        self.failing, self.began, self.ended, self.at_once, self.most = failing, [], [], 0, 0
        self.gpus: dict[str, tuple[str, ...]] = {}
        self.lock = threading.Lock()

    def __call__(self, job: Job, gpus: tuple[str, ...]) -> bool:
        with self.lock:
            assert job.parent is None or job.parent.name in self.ended
            taken = {gpu for name in self.running() for gpu in self.gpus[name]}
            assert not taken & set(gpus)
            self.began.append(job.name)
            self.gpus[job.name] = gpus
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.02)
        with self.lock:
            self.ended.append(job.name)
            self.at_once -= 1
        if job.name == self.failing:
            raise RuntimeError("out of memory\nlast line")
        return True

    def running(self) -> set[str]:
        return set(self.began) - set(self.ended)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_every_job_runs_once_and_after_its_parent(at_once):
    run, jobs = Recorder(), family()
    outcomes = run_all(jobs, run, at_once)
    assert sorted(run.began) == sorted(job.name for job in jobs)
    assert outcomes.ran == {job.name: True for job in jobs} and not outcomes.failed
    assert run.most == min(at_once, 4)


def test_a_failure_stops_only_what_starts_from_it():
    run = Recorder(failing="pretraining/a")
    outcomes = run_all(family(), run, 2)
    assert set(outcomes.ran) == {"pretraining/b", "diagnosis/b"}
    assert outcomes.failed["pretraining/a"].startswith("out of memory")
    assert outcomes.failed["diagnosis/a/2"] == "not run, as pretraining/a failed"


def test_gpus_are_shared_by_need():
    run = Recorder()
    run_all(family(), run, 4, ("0", "1", "2"), lambda job: 1 if job.parent else 3)
    assert all(len(gpus) == (1 if "diagnosis" in name else 3) for name, gpus in run.gpus.items())
    with pytest.raises(ValueError, match=r"GPUs must be at least the 3 that pretraining/a is set to use .* got 2"):
        run_all(family(), run, 4, ("0", "1"), lambda job: 1 if job.parent else 3)


def test_an_interruption_ends_the_schedule():
    def interrupted(job: Job, gpus: tuple[str, ...]) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all([Job(str(Path("a")), "data")], interrupted)
