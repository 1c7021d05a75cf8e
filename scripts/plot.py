#!/usr/bin/env python
"""Draws a recording on ECG paper, in any format that the package reads."""

import argparse

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.data.readers import read_record
from fairseq_signals.evaluation.ecg_paper import draw


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments and draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", help="a recording; WFDB records also without extension")
    parser.add_argument("--output", required=True, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--mask", default="", help="leads to show as masked, such as V1,V2")
    parser.add_argument("--start", type=float, default=0.0, help="second at which to begin (default 0)")
    parser.add_argument("--title", help="text above the traces; by default what the file says")
    options = parser.parse_args(arguments)
    try:
        masked = parse_leads(options.mask) if options.mask else ()
        draw(read_record(options.record), options.output, options.title, masked, start=options.start)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
