"""Options that every preparer has, and how a preparer is run."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from joblib.externals.loky.process_executor import TerminatedWorkerError

from fairseq_signals.data.item import Packing
from fairseq_signals.data.leads import STANDARD_LEADS, canonical_lead, parse_leads
from fairseq_signals.data.preparation import Work


class _Help(argparse.RawDescriptionHelpFormatter):
    """Says the default of an option where it has one that tells something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        silent = action.default in (None, False, (), [], "", argparse.SUPPRESS) or "%(default)" in (action.help or "")
        return action.help if silent or not action.option_strings else f"{action.help} (default: %(default)s)"


def option_parser(description: str, source_help: str, example: str = "") -> argparse.ArgumentParser:
    """A parser with the common options; the preparer adds its own.

    Args:
        description: one line.
        source_help: what `--source` is.
        example: a whole command, shown below the options.
    """
    goes_on = "Stop it at any moment and start it again with the same command: it continues."
    parser = argparse.ArgumentParser(
        description=description,
        epilog=f"example:\n{example}\n\n{goes_on}" if example else goes_on,
        formatter_class=_Help,
    )
    default = Packing()
    add = parser.add_argument
    add("--source", type=Path, required=True, metavar="DIR", help=source_help)
    add("--dest", type=Path, required=True, metavar="DIR", help="folder to prepare into: new, empty or begun before")
    add("--rate", type=float, metavar="HZ", help="resample every recording to this rate; without it, rates are kept")
    add("--leads", default="12", metavar="LEADS", help="leads that a recording must have and that are stored: a set (12, 6, 4, 3, 2, 1) or names")  # fmt: skip  # noqa: E501
    add("--bound-mv", type=float, default=default.bound_mv, metavar="MV", help="reject recordings beyond ± this")
    add("--shortest", type=float, default=default.shortest_s, metavar="SECONDS", help="reject shorter recordings")
    add("--per-shard", type=int, default=default.per_shard, metavar="N", help="recordings in a file of the store")
    add("--pair-seconds", type=float, default=5.0, metavar="SECONDS", help="length of gallery and probe crops")
    add("--seed", type=int, default=1, metavar="N", help="for splits, pairs and crops")
    add("--relabel", type=_renaming, default=(), metavar="NAME=LEAD,…", help="channels that the files name wrongly: the name there, and the lead it really is")  # fmt: skip  # noqa: E501
    add("--keep-suspect", action="store_true", help="keep what the self-tests reject or refuse (exchanged leads, a wrong gain, copies in two splits), with warnings")  # fmt: skip  # noqa: E501
    add_work(parser, "prepared")
    return parser


def add_work(parser: argparse.ArgumentParser, done: str) -> None:
    """Adds the options on who works, which `work_of` reads; `done` is what is done to the data set."""
    add = parser.add_argument
    add("--workers", type=int, default=min(8, len(os.sched_getaffinity(0))), metavar="N", help="processes")
    add("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster (tcp://host:8786) to work on instead of --workers")  # fmt: skip  # noqa: E501
    add("--overwrite", action="store_true", help=f"discard what was {done} into --dest before")


def packing_of(options: argparse.Namespace) -> Packing:
    """How recordings are packed, as the options tell."""
    if not options.pair_seconds > 0:
        raise ValueError(f"length of crops must be positive (seconds), got {options.pair_seconds} (--pair-seconds)")
    leads = parse_leads(options.leads)
    return Packing(
        options.rate,
        leads,
        options.bound_mv,
        options.shortest,
        options.per_shard,
        options.relabel,
        options.keep_suspect,
    )


def work_of(options: argparse.Namespace) -> Work:
    """Who does the work, as the options tell."""
    return Work(options.workers, options.dask, options.overwrite)


def some_of(what: str, names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """For an option that takes some of these names, separated by commas: they come in the order given here."""

    def parse(text: str) -> tuple[str, ...]:
        asked = {part.strip().lower() for part in text.split(",") if part.strip()}
        if not asked or not asked <= set(names):
            raise argparse.ArgumentTypeError(f"{what} must be among {', '.join(names)}, got {text!r}")
        return tuple(name for name in names if name in asked)

    return parse


def condition(text: str) -> tuple[str, tuple[str, ...]]:
    """A column and the values of it that are wanted, from `COLUMN=VALUE,VALUE`; for argparse."""
    column, is_told, values = text.partition("=")
    if not is_told or not column:
        raise argparse.ArgumentTypeError(f"condition must be COLUMN=VALUE,VALUE, got {text!r}")
    return column, tuple(values.split(","))


def choices_of(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """What was chosen beyond the packing, by name, in plain lists and numbers for the card."""
    return {name: _plain(getattr(options, name)) for name in names}


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _renaming(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(canonical_lead(name) for name in part.split("=")) for part in text.split(",") if part.strip()]
    if any(len(pair) != 2 or not set(pair) <= set(STANDARD_LEADS) for pair in pairs):
        raise argparse.ArgumentTypeError(f"renaming must be NAME=LEAD,NAME=LEAD with standard leads, got {text!r}")
    return tuple(pairs)


def source_folder(options: argparse.Namespace) -> Path:
    """The source's folder, which exists."""
    if not options.source.is_dir():
        raise FileNotFoundError(f"source must be a folder, got {options.source}, which is none (--source)")
    return options.source


def run(main: Callable[[], object]) -> None:
    """Runs a preparer; what is wrong with the input ends in one paragraph instead of a traceback."""
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")
    except TerminatedWorkerError:
        sys.exit("error: a worker process was killed, perhaps for want of memory; the same command with fewer --workers continues")  # fmt: skip  # noqa: E501
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues")
