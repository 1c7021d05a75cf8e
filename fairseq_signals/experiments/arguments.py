"""What can be typed after `list`, `run`, `collect` and `curves`, and what of a study it chooses and changes."""

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from fairseq_signals.experiments.job import FINETUNING, PRETRAINING
from fairseq_signals.experiments.plan import Cell, Selection, select_cells
from fairseq_signals.experiments.study import Study
from fairseq_signals.experiments.study_file import read_study


def parser() -> argparse.ArgumentParser:
    """The subcommands and what they share."""
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
    shared.add_argument(
        "--pretraining", **more, help="settings of every pre-training; those that a method or column has are refused"
    )
    shared.add_argument(
        "--finetuning",
        **more,
        help="settings of every fine-tuning; those that a method, column or sweep has are refused",
    )
    main_parser = argparse.ArgumentParser(description="The trainings behind a paper's tables.")
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
    curves = commands.add_parser("curves", parents=[shared], help="validation over what the trainings have cost so far")
    curves.add_argument("--metric", default="macro_auc", help="a number that validation logs (default: macro_auc)")
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
    typed = {PRETRAINING: tuple(options.pretraining), FINETUNING: tuple(options.finetuning)}
    study = replace(study, data=data, typed=typed)
    chosen_names = (options.tables, options.rows, options.tasks, options.columns, options.seeds)
    selection = Selection(*(tuple(dict.fromkeys(names)) for names in chosen_names))
    return study, select_cells(study, selection)


def dest_of(options, study: Study) -> Path:
    """The folder of the trainings."""
    return options.dest or Path("runs") / study.recipes.name


def collect_command(options, study: Study) -> str:
    """The command that collects what these options ran: with the same data, settings and choice of cells."""
    words = ["scripts/experiments.py", "collect", str(options.study), "--dest", str(dest_of(options, study))]
    for name in ("tables", "rows", "tasks", "columns", "seeds"):
        if names := getattr(options, name):
            words += [f"--{name}", ",".join(map(str, names))]
    for folder in options.data:
        words += ["--data", folder]
    for stage in (PRETRAINING, FINETUNING):
        if settings := getattr(options, stage):
            words += [f"--{stage}", *settings]
    return shlex.join(words)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_number(name) for name in _names(text))


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from error
