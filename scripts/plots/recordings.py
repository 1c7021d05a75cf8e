"""One recording on ECG paper, a sheet of many, and the counts of a data set."""

import argparse
from pathlib import Path

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.evaluation.data_summary import draw_data_summary
from fairseq_signals.evaluation.ecg_paper import draw
from fairseq_signals.evaluation.sheet import MOST, draw_sheet
from plots.files import add_recording, checked_file, recording


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds `recording`, `sheet` and `summary`."""
    one = commands.add_parser("recording", help="one recording on ECG paper")
    add_recording(one)
    one.add_argument("--mask", default="", help="leads to show as masked, such as V1,V2")
    one.add_argument("--start", type=float, default=0.0, help="second at which to begin (0)")
    one.add_argument("--title", help="text above the traces; by default what is known of the recording")
    one.set_defaults(draw=_recording)
    sheet = commands.add_parser("sheet", help="random recordings of a manifest, side by side at one scale")
    sheet.add_argument("manifest", type=Path, help="a manifest (.tsv) with its store or files beside it")
    sheet.add_argument("--number", type=int, default=12, metavar="N", help=f"recordings, at most {MOST} (12)")
    sheet.add_argument("--seed", type=int, default=1, metavar="N", help="another seed shows others (1)")
    sheet.set_defaults(draw=_sheet)
    summary = commands.add_parser("summary", help="a page of counts of a prepared data set")
    summary.add_argument("folder", type=Path, help="with dataset.yaml and the manifests")
    summary.set_defaults(draw=_summary)


def _recording(options: argparse.Namespace) -> None:
    masked = parse_leads(options.mask) if options.mask else ()
    draw(recording(options), options.output, options.title, masked, start=options.start)


def _sheet(options: argparse.Namespace) -> None:
    draw_sheet(checked_file(options.manifest, "manifest"), options.output, options.number, options.seed)


def _summary(options: argparse.Namespace) -> None:
    if options.folder.is_file():
        raise ValueError(f"summary is of a folder, such as {options.folder.parent}, got {options.folder}")
    draw_data_summary(options.folder, options.output)
