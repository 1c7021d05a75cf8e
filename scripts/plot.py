#!/usr/bin/env python
"""Pictures to look at recordings and data sets before anything is learned from them."""

import argparse
from pathlib import Path
from typing import NoReturn

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.stored_record import place_of_id, record_of_row
from fairseq_signals.evaluation.data_summary import draw_data_summary
from fairseq_signals.evaluation.ecg_paper import draw
from fairseq_signals.evaluation.sheet import MOST, draw_sheet

_SPLITS = ("train", "valid", "test", "pretrain")


class _Parser(argparse.ArgumentParser):
    """One whose errors are not hidden behind a long list of options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (all options: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("recording", help="one recording on ECG paper")
    recording.add_argument("file", type=Path, help="a recording in any format, WFDB records also without extension; or a manifest (.tsv)")  # fmt: skip  # noqa: E501
    recording.add_argument("--id", help="which row of the manifest; the first without it")
    recording.add_argument("--rate", type=float, metavar="HZ", help="sampling rate of a file that does not state it")
    recording.add_argument("--unit", help="V, mV or uV, for a file that does not state it")
    recording.add_argument("--leads", type=_names, metavar="NAMES", help="names of the file's channels in the file's order, such as I,II,V1, where it does not state them")  # fmt: skip  # noqa: E501
    recording.add_argument("--row", type=int, metavar="N", help="which recording of a file that holds many, from 0")
    recording.add_argument("--mask", default="", help="leads to show as masked, such as V1,V2")
    recording.add_argument("--start", type=float, default=0.0, help="second at which to begin (0)")
    recording.add_argument("--title", help="text above the traces; by default what is known of the recording")
    sheet = commands.add_parser("sheet", help="random recordings of a manifest, side by side at one scale")
    sheet.add_argument("manifest", type=Path, help="a manifest (.tsv) with its store or files beside it")
    sheet.add_argument("--number", type=int, default=12, metavar="N", help=f"recordings, at most {MOST} (12)")
    sheet.add_argument("--seed", type=int, default=1, metavar="N", help="another seed shows others (1)")
    summary = commands.add_parser("summary", help="a page of counts of a prepared data set")
    summary.add_argument("folder", type=Path, help="with dataset.yaml and the manifests")
    for command in (recording, sheet, summary):
        command.add_argument("--output", type=Path, required=True, help="picture to write (.png, .pdf, .svg)")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _checked_file(path: Path, what: str) -> Path:
    """The path, unless it is a folder that a data set was prepared into."""
    if path.is_dir() and not Path(f"{path}.hea").is_file():
        manifests = [path / f"{name}.tsv" for name in _SPLITS if (path / f"{name}.tsv").is_file()]
        hint = f"; the manifest in it is {manifests[0]}" if manifests else ""
        raise ValueError(f"{what} must be a file, got the folder {path}{hint}")
    return path


def _record(path: Path, options: argparse.Namespace) -> Record:
    stated = {"rate": options.rate, "leads": options.leads, "unit": options.unit, "row": options.row}
    if path.suffix != ".tsv":
        if options.id is not None:
            raise ValueError(f"--id must come with a manifest (.tsv), got the file {path}")
        try:
            return read_record(path, **stated)
        except ValueError as error:
            more = "; here by --rate, --leads and --unit" if str(error).find("passed,") > 0 else ""
            raise ValueError(f"{error}{more}") from error
    if given := [f"--{name}" for name, value in stated.items() if value is not None]:
        raise ValueError(f"{', '.join(given)} must come with a recording's file, got the manifest {path}")
    manifest, id = Manifest(path), options.id
    if not len(manifest):
        raise ValueError(f"manifest must have at least one row, got none ({path})")
    return record_of_row(manifest, manifest[0 if id is None else place_of_id(manifest, id)])


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments and draws."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        if options.command == "sheet":
            draw_sheet(_checked_file(options.manifest, "manifest"), options.output, options.number, options.seed)
        elif options.command == "summary":
            if options.folder.is_file():
                raise ValueError(f"summary is of a folder, such as {options.folder.parent}, got {options.folder}")
            draw_data_summary(options.folder, options.output)
        else:
            masked = parse_leads(options.mask) if options.mask else ()
            record = _record(_checked_file(options.file, "recording"), options)
            draw(record, options.output, options.title, masked, start=options.start)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
