"""Many trainings on this machine: several at once, each after the one that it starts from."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tqdm import tqdm

from fairseq_signals.experiments.job import Job

_PATIENCE = 0.5  # seconds


@dataclass
class Outcomes:
    """How the jobs ended, by name.

    Attributes:
        ran: was there anything to do?
        failed: the error, or which pre-training is missing.
    """

    ran: dict[str, bool] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run_all(
    jobs: Iterable[Job],
    run: Callable[[Job, tuple[str, ...]], bool],
    at_once: int = 1,
    gpus: tuple[str, ...] = (),
    needs: Callable[[Job], int] = lambda job: 1,
    stop: Callable[[], None] = lambda: None,
) -> Outcomes:
    """Runs every job; one that fails stops only those that start from it.

    Args:
        jobs: parents before their children.
        run: does one job on the given GPUs, and says whether there was anything to do.
        at_once: jobs at a time.
        gpus: devices to share among the jobs; empty leaves them alone.
        needs: GPUs of a job.
        stop: ends the jobs that are running, where this process is to end.

    Raises:
        ValueError: a job needs more GPUs than there are, or starts from one that is not among them.
    """
    left, outcomes, free = list(jobs), Outcomes(), list(gpus)
    wanted = {job.name: needs(job) if gpus else 0 for job in left}
    _check_wanted(wanted, gpus)
    running: dict[Future, tuple[Job, tuple[str, ...]]] = {}
    with ThreadPoolExecutor(at_once) as pool, tqdm(total=len(left), unit="training") as bar:
        try:
            while left or running:
                while len(running) < at_once and (job := _startable(left, outcomes, wanted, len(free))):
                    left.remove(job)
                    taken = tuple(free[: wanted[job.name]])
                    del free[: len(taken)]
                    running[pool.submit(run, job, taken)] = (job, taken)
                if left and not running:
                    raise ValueError(f"jobs must hold what they start from, got {left[0].name} without it")
                bar.set_postfix_str(", ".join(job.name for job, _ in running.values())[:80])
                # A signal that comes just before a wait begins is heard when it ends, so waits are short.
                for future in wait(running, _PATIENCE, FIRST_COMPLETED).done:
                    job, taken = running.pop(future)
                    free += taken
                    _note(job, future, outcomes)
                    bar.update()
                bar.update(_drop_orphans(left, outcomes))
        except BaseException:
            stop()  # or leaving the pool would wait for its trainings, for days
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return outcomes


def _startable(left: list[Job], outcomes: Outcomes, wanted: Mapping[str, int], free: int) -> "Job | None":
    for job in left:
        ready = all(other.name in outcomes.ran for other in job.before)
        if ready and wanted[job.name] <= free:
            return job
    return None


def _note(job: Job, future: Future, outcomes: Outcomes):
    error = future.exception()
    if error is None:
        outcomes.ran[job.name] = future.result()
        return
    if not isinstance(error, Exception):
        raise error
    outcomes.failed[job.name] = str(error).strip() or type(error).__name__
    tqdm.write(f"{job.name}: {error}")


def _drop_orphans(left: list[Job], outcomes: Outcomes) -> int:
    orphans = [(job, other.name) for job in left for other in job.before if other.name in outcomes.failed]
    for job, failed in orphans:
        outcomes.failed[job.name] = f"not run, as {failed} failed"
    left[:] = [job for job in left if job.name not in outcomes.failed]
    return len({job.name for job, _ in orphans})


def _check_wanted(wanted: Mapping[str, int], gpus: tuple[str, ...]):
    for name, number in wanted.items():
        if number > len(gpus):
            raise ValueError(
                f"GPUs must be at least the {number} that {name} is set to use "
                f"(distributed_training.distributed_world_size), got {len(gpus)}"
            )
