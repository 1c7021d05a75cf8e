"""`list`, `run` and `collect`: the trainings behind a paper's tables, by one command each."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.defaults import setting
from fairseq_signals.experiments.held_out import check_jobs
from fairseq_signals.experiments.job import PRETRAINING, Job
from fairseq_signals.experiments.launch import launch
from fairseq_signals.experiments.listing import listing
from fairseq_signals.experiments.plan import Cell, Selection, jobs_of, select_cells
from fairseq_signals.experiments.processes import ends_by_exception
from fairseq_signals.experiments.run import Place, run_job
from fairseq_signals.experiments.schedule import run_all
from fairseq_signals.experiments.study import Study
from fairseq_signals.experiments.study_file import read_study
from fairseq_signals.experiments.tables import write_tables


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Parses the arguments and runs one of the three; gives the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(arguments)
    try:
        study, cells = chosen(options)
        return {"list": show, "run": run, "collect": gather}[options.command](options, study, cells, arguments)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """The three subcommands and what they share."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("study", type=Path, help="yaml of the tables, such as examples/oh2022/tables.yaml")
    shared.add_argument("--dest", type=Path, help="folder of the trainings (default: runs/NAME of the study's folder)")
    for name, what in (("tables", "tables"), ("rows", "methods"), ("tasks", "tasks"), ("columns", "columns")):
        what = f"only these {what}, separated by commas"
        shared.add_argument(f"--{name}", type=_names, action="extend", default=[], help=what)
    shared.add_argument("--seeds", type=_numbers, action="extend", default=[], help="only these seeds, such as 1,2,3")
    shared.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="[STAGE=]DIR",
        help="prepared data instead of the study's: for all, or for pretraining or one task (diagnosis=DIR)",
    )
    more = {"nargs": "+", "action": "extend", "default": [], "metavar": "KEY=VALUE"}
    shared.add_argument("--pretraining", **more, help="settings of every pre-training")
    shared.add_argument("--finetuning", **more, help="settings of every fine-tuning")
    main_parser = argparse.ArgumentParser(description=__doc__)
    commands = main_parser.add_subparsers(dest="command", required=True)
    lister = commands.add_parser("list", parents=[shared], help="every training with its state and estimated cost")
    lister.add_argument("--machine", default="rtx_a6000", help="whose speed the estimate takes (default: rtx_a6000)")
    runner = commands.add_parser("run", parents=[shared], help="train and score what is not done yet")
    runner.add_argument("--at-once", type=_positive, default=1, help="trainings at a time on this machine (default: 1)")
    runner.add_argument("--gpus", type=_names, default=(), help="GPUs to share among them, such as 0,1,2,3")
    runner.add_argument(
        "--overwrite", action="store_true", help="discard trainings that were begun with other settings"
    )
    runner.add_argument("--launcher", help="a launcher of Hydra's, such as submitit_slurm, instead of this machine")
    runner.add_argument("--launcher-options", **more, help="such as hydra.launcher.partition=gpu")
    commands.add_parser("collect", parents=[shared], help="the tables, as text, TSV and pictures")
    return main_parser


def chosen(options) -> tuple[Study, list[Cell]]:
    """The study with what the command line changes in it, and the selected cells."""
    study = read_study(options.study)
    data = dict(study.data)
    for item in options.data:
        stage, _, folder = item.partition("=")
        if stage in data and folder:
            data[stage] = folder
        elif not folder or Path(item).is_dir():  # a path may hold an equals sign
            data = dict.fromkeys(data, item)
        else:
            raise ValueError(f"stage of --data must be one of {', '.join(data)}, got {stage!r} ({item})")
    settings = dict(study.settings)
    for stage, given in ((PRETRAINING, options.pretraining), ("finetuning", options.finetuning)):
        settings[stage] = (*settings.get(stage, ()), *given)
    study = replace(study, data=data, settings=settings)
    options.dest = options.dest or Path("runs") / study.recipes.name
    chosen_names = (options.tables, options.rows, options.tasks, options.columns, options.seeds)
    selection = Selection(*(tuple(dict.fromkeys(names)) for names in chosen_names))
    return study, select_cells(study, selection)


def show(options, study: Study, cells: list[Cell], arguments) -> int:
    """Prints the trainings."""
    print(listing(jobs_of(cells), options.dest, options.machine, study.seconds))
    return 0


def run(options, study: Study, cells: list[Cell], arguments) -> int:
    """Runs the trainings; 1 where any failed."""
    jobs, where = jobs_of(cells), place(options)
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
    print(f"next: scripts/experiments.py collect {options.study} --dest {options.dest}")
    return 1 if outcomes.failed else 0


def run_one(arguments: Sequence[str], name: str):
    """Runs the job of this name; what a node does."""
    options = parser().parse_args(list(arguments))
    _, cells = chosen(options)
    job = {job.name: job for job in jobs_of(cells)}[name]
    run_job(job, place(options))


def gather(options, study: Study, cells: list[Cell], arguments) -> int:
    """Writes and prints the tables."""
    print(write_tables(study, cells, options.dest))
    return 0


def place(options) -> Place:
    """Where and how the jobs run; the cores of a machine without GPUs are shared among them."""
    cores = len(os.sched_getaffinity(0))
    threads = None if "OMP_NUM_THREADS" in os.environ else max(1, cores // options.at_once)
    return Place(options.dest.resolve(), options.overwrite, threads)


def gpus_of(job: Job) -> int:
    """GPUs that a training is set to use."""
    if job.descriptor:
        return 0
    config = compose_recipe(job.recipe, list(job.settings))
    return int(setting(config, "distributed_training", "distributed_world_size"))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(name) for name in _names(text))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number
