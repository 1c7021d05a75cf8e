"""Options for data that nobody publishes: what it is called, and what its labels leave out."""

import argparse
from pathlib import Path

from manifests.parts.class_list import listed_codes


def add_own_data(parser: argparse.ArgumentParser) -> None:
    """Adds `--unannotated`, `--name` and `--version`."""
    add = parser.add_argument
    add("--unannotated", type=listed_codes, default="", metavar="CODES", help="classes that nobody looked for in this data: unknown everywhere")  # fmt: skip  # noqa: E501
    add("--name", metavar="TEXT", help="name of the data set; the folder's name where it is not given")
    add("--version", metavar="TEXT", help="version of the data set, for its card")


def name_of(options: argparse.Namespace, folder: Path) -> str:
    """What the data set is called."""
    return options.name or folder.resolve().name
