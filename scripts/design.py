#!/usr/bin/env python
"""Deals the patients of a prepared folder out as a published study did: pre-training, training, validation, test."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # manifests/ is beside this folder, and not installed

from fairseq_signals.data.designs.nakamoto2022 import DOWNSTREAM_SHARE, nakamoto2022
from fairseq_signals.data.designs.report import HEADER
from fairseq_signals.data.designs.sawano2022 import PRETRAIN_ON, sawano2022
from fairseq_signals.data.designs.write import DESIGN, DOUBTS, PART, REPORT, write_design
from fairseq_signals.data.preparation import Work
from fairseq_signals.evaluation.aligned_text import aligned
from manifests.parts.options import add_work, condition, run

_EPILOG = """\
examples:
  python scripts/design.py data/lvsd --dest data/lvsd_nakamoto --design nakamoto2022 --case lvsd --only institution=1
  python scripts/design.py data/lvsd --dest data/lvsd_sawano --design sawano2022 --case lvsd
  python scripts/subset.py data/lvsd_nakamoto train --nested part=1,2,3,4,5,6,7,8 --name train_part

nakamoto2022 writes pretrain, pretrain_valid (no known case), train, valid, test (every case, and as many controls as
make a quarter of the patients), train_full and valid_full (those of known state of both, for the twin with all labels).
sawano2022 writes pretrain1, train1, valid1, test1 (--dataset1), pretrain2, train2, valid2, test2 (--dataset2, pooled),
and an institutionX to test on for each but the first: of --dataset2 its test split alone, with the whole of it beside
as institutionX_all, for models that never saw it; of others all.

The case is a class of the folder or a rule of a column. Manifests of labels hold recordings of known state alone.
The store is linked, so that the new folder takes little room."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="prepared, with dataset.yaml; its train, valid and test together are dealt out anew")
    add("--dest", type=Path, required=True, metavar="DIR", help="folder for the design: new, empty or begun before")
    add("--design", choices=("nakamoto2022", "sawano2022"), required=True, help="whose rules")
    add("--case", required=True, metavar="CLASS", help="such as lvsd, or 'lvsd: ef < 40'")
    add("--only", type=condition, metavar="COLUMN=VALUE,…", help="deal out these recordings alone")
    add("--parts", type=int, default=8, metavar="N", help="equal parts of the patients to train on (default: 8)")
    add("--seed", type=int, default=1, metavar="N", help="another seed deals otherwise (default: 1)")
    add("--downstream-share", type=float, default=DOWNSTREAM_SHARE, metavar="SHARE", help=f"of nakamoto2022: of the patients of known state (default: {DOWNSTREAM_SHARE:.4g}, as published)")  # fmt: skip  # noqa: E501
    add("--institution", default="institution", metavar="COLUMN", help="of sawano2022: where a recording was taken")
    add("--dataset1", default="1", metavar="NAME", help="of sawano2022: the institution of Dataset1 (default: 1)")
    add("--dataset2", type=_names, default="1,2,3", metavar="NAME,…", help="of sawano2022: those of Dataset2 (default: 1,2,3)")  # fmt: skip  # noqa: E501
    add("--pretrain-on", choices=tuple(PRETRAIN_ON), default="train+valid", help="of sawano2022: splits that are pre-trained on; all is as published, with the unlabelled signals of the test (default: train+valid)")  # fmt: skip  # noqa: E501
    add_work(parser, "made")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def main(arguments: "list[str] | None" = None) -> dict[str, Any]:
    """Writes the design that the command line tells and returns the contents of its `dataset.yaml`."""
    options = _parser().parse_args(arguments)
    choices = {"seed": options.seed, "parts": options.parts}
    if options.design == "nakamoto2022":
        choices["downstream_share"] = options.downstream_share
        design = partial(nakamoto2022, **choices)
    else:
        choices |= {"dataset1": options.dataset1, "dataset2": list(options.dataset2)}
        choices["pretrain_on"] = options.pretrain_on
        design = partial(sawano2022, **choices)
    card = write_design(
        options.folder,
        options.dest,
        options.design,
        design,
        options.case,
        choices,
        options.institution if options.design == "sawano2022" else None,
        options.only,
        Work(options.workers, options.dask, options.overwrite),
    )
    _print(card, options.dest)
    return card


def _print(card: dict[str, Any], dest: Path) -> None:
    rows = [[f"{row[name]:,}" if name != HEADER[0] else row[name] for name in HEADER] for row in card[DESIGN]["table"]]
    print("\n".join(aligned([list(HEADER), *rows], "<" + ">" * (len(HEADER) - 1))))
    print("".join(f"DOUBT: {line}\n" for line in card[DESIGN].get(DOUBTS, ())), end="")
    if card[DESIGN].get("pretrain_on") == "all":
        print("LEAK OF SIGNALS: what is pre-trained on includes the unlabelled recordings of the test, as published")
    print(f"{card['split']}; written: {dest}, the table in {REPORT}; column {PART} for label fractions")


if __name__ == "__main__":
    run(main)
