#!/usr/bin/env python
"""Pictures to look at recordings and data sets before anything is learned from them."""

import argparse
from pathlib import Path

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.stored_record import place_of_id, record_of_row
from fairseq_signals.evaluation.data_summary import draw_data_summary
from fairseq_signals.evaluation.ecg_paper import draw
from fairseq_signals.evaluation.sheet import MOST, draw_sheet


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("recording", help="one recording on ECG paper")
    recording.add_argument("file", type=Path, help="a recording in any format, WFDB records also without extension; or a manifest (.tsv)")  # fmt: skip  # noqa: E501
    recording.add_argument("--id", help="which row of the manifest; the first without it")
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


def _record(path: Path, id: "str | None") -> Record:
    if path.suffix != ".tsv":
        if id is not None:
            raise ValueError(f"--id must come with a manifest (.tsv), got the file {path}")
        return read_record(path)
    manifest = Manifest(path)
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
            draw_sheet(options.manifest, options.output, options.number, options.seed)
        elif options.command == "summary":
            draw_data_summary(options.folder, options.output)
        else:
            masked = parse_leads(options.mask) if options.mask else ()
            record = _record(options.file, options.id)
            draw(record, options.output, options.title, masked, start=options.start)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
