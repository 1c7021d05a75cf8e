#!/usr/bin/env python
"""Writes synthetic 12-lead recordings as a folder of WFDB files, to try every command without real ECGs."""

import argparse

from fairseq_signals.data.synthetic import make_example_data


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments and makes the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dest", required=True, help="folder for the recordings; made where it is missing")
    parser.add_argument("--patients", type=int, default=400, help="patients, with two or three recordings each")
    parser.add_argument("--rate", type=float, default=500.0, help="samples per second (Hz)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each recording (s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other patients")
    parser.add_argument("--workers", type=int, default=1, help="processes that generate and write")
    options = parser.parse_args(arguments)
    try:
        count = make_example_data(**vars(options), progress=True)
    except ValueError as error:
        parser.error(str(error))
    print(f"{count} recordings of {options.patients} synthetic patients stand in {options.dest}")


if __name__ == "__main__":
    main()
