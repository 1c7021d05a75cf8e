#!/usr/bin/env python
"""Makes one data set of several prepared ones, without the people who must not be trained on."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # manifests/ is beside this folder, and not installed

from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.combination.plan import ON_LEAK, REFUSE, Combination, part_of_text, read_plan
from manifests.label_maps import meanings_of
from manifests.parts.cinc2021_parts import part_of_name
from manifests.parts.options import add_work, run, work_of

_EPILOG = """\
A source is FOLDER or FOLDER:key=value,key=value with these keys:
  share=0.5        train on half of its patients (valid and test stay whole)
  weight=0.25      how often its recordings come per epoch; 1 is the usual
  without=a+b      leave out what has a or b in the column `source`
  pairs=yes        keep its gallery and probe
  whole=yes        train on all of it, what it keeps for valid and test too
  name=ptbxl       what its ids begin with; else the folder's name
  namespace=ptbxl  whose patient ids these are; else the column `source`, else the card's source

Example: everything but the test patients and the gallery and probe of PTB-XL
  python scripts/combine.py --dest data/all --source data/ptbxl --source data/cinc2021:share=0.5 \\
      --source data/code15:weight=0.25 --rate 500 --translate ptbxl code --classes cinc2021 \\
      --exclude data/ptbxl/test.tsv data/ptbxl/gallery.tsv data/ptbxl/probe.tsv ids.txt

Example: a pre-training set of Mehari & Strodthoff 2022 by its yaml file; the file says what to prepare before
  python scripts/combine.py --dest data/mehari2022_all --from examples/mehari2022/combinations/all.yaml

Of a recording that two sources have, that of the first is kept. Copies are found by their waveforms, which are equal
only where they were recorded at the same rate: PTB-XL at 100 Hz is no copy of PTB-XL at 500 Hz, and what joins them is
that both know the patients. What a list to exclude names and no source has stands in excluded.tsv as `not here`; look
at the lines that begin with `check:`. Stop it at any moment and start it again with the
same command: it continues."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    default = Combination.__dataclass_fields__
    add("--dest", type=Path, required=True, metavar="DIR", help="folder to combine into: new, empty or begun before")
    add("--source", action="extend", nargs="+", metavar="FOLDER[:key=value,…]", help="a prepared folder; see below")
    add("--from", type=Path, dest="plan", metavar="FILE", help="yaml file with all choices (sources: a list; rate, classes, translate, exclude, apart_from, seed, on_leak, allow_uncalibrated) instead of the options here")  # fmt: skip  # noqa: E501
    add("--rate", type=float, metavar="HZ", help="of every recording; sources with another one are resampled")
    add("--classes", metavar="CLASSES", help="all (the union; default), cinc2021, a .csv file, or codes separated by commas")  # fmt: skip  # noqa: E501
    add("--translate", action="extend", nargs="+", metavar="TABLE", help="what sources' codes are called in common: ptbxl, code, or .csv files with the columns source, code, class")  # fmt: skip  # noqa: E501
    add("--exclude", action="extend", nargs="+", type=Path, metavar="FILE", help="manifests, or texts with lines such as ptbxl/17, patient:ptbxl/15709, waveform:0123456789abcdef: taken out of train, valid and pretrain")  # fmt: skip  # noqa: E501
    add("--apart-from", action="extend", nargs="+", type=Path, metavar="FOLDER", help="prepared folders of which no recording may be here: compared by source, name, patient and waveform, and refused where one is found or cannot be compared")  # fmt: skip  # noqa: E501
    add("--seed", type=int, metavar="N", help=f"for shares (default {default['seed'].default})")
    add("--on-leak", choices=ON_LEAK, help=f"what to do about people on both sides of a split (default {REFUSE})")
    add("--allow-uncalibrated", action="store_true", default=None, help="take sources whose numbers are no millivolts")
    add_work(parser, "combined")
    return parser


def _plan(options: argparse.Namespace) -> Combination:
    names = ("rate", "classes", "translate", "exclude", "apart_from", "seed", "on_leak", "allow_uncalibrated")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.plan:
        if given or options.source:
            raise ValueError(f"choices must stand in {options.plan} or on the command line, got some in both (--from)")
        return read_plan(options.plan)
    lists = {name: tuple(given[name]) for name in ("translate", "exclude", "apart_from") if name in given}
    return Combination(tuple(map(part_of_text, options.source or ())), **(given | lists))


def main(arguments: "list[str] | None" = None) -> dict:
    """Combines as the command line tells and returns the contents of `dataset.yaml`."""
    options = _parser().parse_args(arguments)
    work, plan = work_of(options), _plan(options)
    return combine(plan, options.dest, work, meanings_of(plan.translate, plan.classes), part_of_name)


if __name__ == "__main__":
    run(main)
