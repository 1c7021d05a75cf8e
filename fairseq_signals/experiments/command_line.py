"""`list`, `run`, `collect`, `curves`: the trainings behind a paper's tables, by one command each."""

import os
import sys
from collections.abc import Sequence

from fairseq_signals.experiments.arguments import chosen, collect_command, dest_of, parser
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.cost_curve import write_cost_curves_of
from fairseq_signals.experiments.defaults import setting
from fairseq_signals.experiments.held_out import check_jobs
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.launch import launch
from fairseq_signals.experiments.listing import listing
from fairseq_signals.experiments.plan import Cell, jobs_of
from fairseq_signals.experiments.processes import ends_by_exception
from fairseq_signals.experiments.run import Place, run_job
from fairseq_signals.experiments.schedule import run_all
from fairseq_signals.experiments.study import Study
from fairseq_signals.experiments.tables import write_tables


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Parses the arguments and runs what they say; gives the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(arguments)
    try:
        study, cells = chosen(options)
        if options.command == "run":
            return run(options, study, cells, arguments)
        dest = dest_of(options, study)
        if options.command == "list":
            print(listing(jobs_of(cells), dest, options.machine, study.seconds))
        elif options.command == "curves":
            print(write_cost_curves_of(study, cells, dest, options.metric))
        else:
            print(write_tables(study, cells, dest))
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(options, study: Study, cells: list[Cell], arguments: Sequence[str]) -> int:
    """Runs the trainings; 1 where any failed."""
    jobs, where = jobs_of(cells), place(options, study)
    check_jobs(jobs)
    if options.launcher:
        return launch(jobs, where, arguments, options.launcher, options.launcher_options)

    def run_here(job: Job, gpus: tuple[str, ...]) -> bool:
        return run_job(job, where, gpus)

    with ends_by_exception():
        outcomes = run_all(jobs, run_here, options.at_once, options.gpus, gpus_of, where.processes.stop)
    new = sum(outcomes.ran.values())
    print(f"{new} trained or scored, {len(outcomes.ran) - new} done before, {len(outcomes.failed)} failed")
    for name, error in outcomes.failed.items():
        print(f"  {name}: {error.splitlines()[-1]}")
    print(f"next: {collect_command(options, study)}")
    return 1 if outcomes.failed else 0


def run_one(arguments: Sequence[str], name: str):
    """Runs the job of this name; what a node does."""
    options = parser().parse_args(list(arguments))
    study, cells = chosen(options)
    job = {job.name: job for job in jobs_of(cells)}[name]
    run_job(job, place(options, study))


def place(options, study: Study) -> Place:
    """Where and how the jobs run; the cores of a machine without GPUs are shared among them."""
    cores = len(os.sched_getaffinity(0))
    threads = None if "OMP_NUM_THREADS" in os.environ else max(1, cores // options.at_once)
    return Place(dest_of(options, study).resolve(), options.overwrite, threads)


def gpus_of(job: Job) -> int:
    """GPUs that a training is set to use."""
    if job.descriptor:
        return 0
    config = compose_recipe(job.recipe, job.settings)
    return int(setting(config, "distributed_training", "distributed_world_size"))
