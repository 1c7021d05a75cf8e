"""Options for data that nobody publishes: what it is called, and what its labels leave out."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.data.row import Row
from manifests.parts.class_list import absent, listed_codes


def add_own_data(parser: argparse.ArgumentParser) -> None:
    """Adds `--unannotated`, `--name` and `--version`."""
    add = parser.add_argument
    add("--unannotated", type=listed_codes, metavar="CODES", help="classes that nobody looked for in this data: unknown everywhere; without it, of --classes cinc2021 those that no recording has; none: everything was looked for")  # fmt: skip  # noqa: E501
    add("--name", metavar="TEXT", help="name of the data set; the folder's name where it is not given")
    add("--version", metavar="TEXT", help="version of the data set, for its card")


def name_of(options: argparse.Namespace, folder: Path) -> str:
    """What the data set is called."""
    return options.name or folder.resolve().name


def unannotated_of(options: argparse.Namespace, rows: Sequence[Row], classes: Sequence[str]) -> list[str]:
    """The classes that nobody looked for; of the challenge's 26, which nobody chose one by one, those that never occur.

    Args:
        options: with `classes` and `unannotated`.
        rows: labelled in terms of the classes.
        classes: the class list.
    """
    if options.unannotated is None:
        labelled = any(row.labels for row in rows)
        return absent(rows, classes) if options.classes == "cinc2021" and labelled else []
    return [] if options.unannotated == ("none",) else list(options.unannotated)


def unannotated_line(options: argparse.Namespace, unannotated: Sequence[str]) -> list[str]:
    """What to say of the classes that were taken for unannotated because they never occur, if there are any."""
    if options.unannotated is not None or not unannotated:
        return []
    return [f"these {len(unannotated)} are unknown everywhere, never absent (--unannotated none: they were looked for)"]
