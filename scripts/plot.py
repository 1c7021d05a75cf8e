#!/usr/bin/env python
"""Pictures to look at recordings and data sets before anything is learned from them, and at what was learned after."""

import argparse
from pathlib import Path
from typing import NoReturn

from plots import gradcam, reconstruction, recordings, transforms


class _Parser(argparse.ArgumentParser):
    """One whose errors are not hidden behind a long list of options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (all options: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for part in (recordings, transforms, gradcam, reconstruction):
        part.add_commands(commands)
    for command in commands.choices.values():
        command.add_argument("--output", type=Path, required=True, help="picture to write (.png, .pdf, .svg)")
    return parser


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments and draws."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.draw(options)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
