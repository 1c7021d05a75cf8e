#!/usr/bin/env python
"""Makes parts of a manifest by what a column says, such as one to eight training folds for label efficiency."""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # manifests/ is beside this folder, and not installed

from fairseq_signals.data.subset import OF, Subset, nested, write_subsets
from manifests.parts.options import condition, run

_EPILOG = """\
examples:
  python scripts/subset.py data/ptbxl100 train --where fold=1,2 --name train_folds2
  python scripts/subset.py data/ptbxl100 train --nested fold=1,2,3,4,5,6,7,8 --name train_folds
  python scripts/subset.py data/lvsd_sawano train1 --nested part=1,2,3,4,5,6,7,8 --name train1_part
  python scripts/subset.py data/cinc2021 train --where source=georgia --where sex=female --name train_georgia_female

The second writes train_folds1.tsv (fold 1), train_folds2.tsv (folds 1 and 2) up to train_folds8.tsv; --sizes 1,2,4
writes three of them. Train on one with dataset.train_subset=train_folds2. The third takes eighths of the patients,
which scripts/design.py numbers in the column part. A subset is noted in dataset.yaml, so that studies that were begun
with the folder take it for other data: make subsets first, or in a copy of the folder."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="prepared, with dataset.yaml")
    add("list", help=f"the manifest to take a part of: {', '.join(OF)}, or one of a design")
    rule = parser.add_mutually_exclusive_group(required=True)
    rule.add_argument("--where", action="append", type=condition, metavar="COLUMN=VALUE,…", help="rows with one of these cells; several --where must all hold")  # fmt: skip  # noqa: E501
    rule.add_argument("--nested", type=condition, metavar="COLUMN=VALUE,…", help="several subsets: rows with the first value, with the first two, and so on")  # fmt: skip  # noqa: E501
    add("--sizes", type=_sizes, default=(), metavar="N,…", help="of --nested: how many values to take (default: 1 to all)")  # fmt: skip  # noqa: E501
    add("--name", required=True, help="of the subset, beginning with the list's; --nested puts the number of values behind it")  # fmt: skip  # noqa: E501
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    if not all(part.isdecimal() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"sizes must be whole numbers separated by commas, got {text!r}")
    return tuple(map(int, text.split(",")))


def _wanted(options: argparse.Namespace) -> list[Subset]:
    if options.nested:
        return nested(options.name, *options.nested, options.sizes)
    if options.sizes:
        raise ValueError("sizes must come with nested subsets, got --sizes beside --where")
    if len(dict(options.where)) != len(options.where):
        raise ValueError(f"columns must differ, got {', '.join(column for column, _ in options.where)} (--where)")
    return [Subset(options.name, dict(options.where))]


def main(arguments: "list[str] | None" = None) -> dict[str, Any]:
    """Writes the subsets that the command line tells and returns what the card says of each."""
    options = _parser().parse_args(arguments)
    told = write_subsets(options.folder, options.list, _wanted(options))
    for name, facts in told.items():
        missing = facts["classes without an example"]
        lacking = f"; {len(missing)} classes without an example: {', '.join(missing)}" if missing else ""
        print(f"{options.folder / name}.tsv: {facts['rows']} rows, {facts['patients']} patients{lacking}")
    return told


if __name__ == "__main__":
    run(main)
