#!/usr/bin/env python
"""Writes synthetic patients with ejection fractions from eight institutions, to try LVSD detection on no real ones."""

import argparse
import math

from fairseq_signals.data.synthetic import make_lvsd_cohort
from fairseq_signals.data.synthetic.cohort import PATIENTS, TABLE

_EPILOG = """\
examples:
  python scripts/make_lvsd_cohort.py --dest data/lvsd_cohort --workers 2
  python scripts/prepare.py table --source data/lvsd_cohort --table data/lvsd_cohort/recordings.csv \\
      --dest data/lvsd --label "lvsd: ef < 40"

The second prepares it for training: the columns ef and institution are kept, and recordings without an ejection
fraction are unknown. Stop it at any moment and start it again with the same command: it continues."""


def _patients(text: str) -> dict[int, int]:
    """Patients by institution out of eight numbers, or of one that multiplies the miniature's."""
    try:
        numbers = [float(part) for part in text.removeprefix("x").split(",")]
    except ValueError:
        numbers = []
    if text.startswith("x") and len(numbers) == 1 and 0 < numbers[0] < math.inf:
        return {name: max(1, round(numbers[0] * count)) for name, count in PATIENTS.items()}
    if len(numbers) != len(PATIENTS) or not all(one.is_integer() and one >= 0 for one in numbers):
        raise argparse.ArgumentTypeError(f"must be {len(PATIENTS)} numbers such as 300,100,… or x0.5, got {text!r}")
    return {name: int(count) for name, count in zip(PATIENTS, numbers, strict=True) if count}


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments and makes the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ",".join(map(str, PATIENTS.values()))
    add = parser.add_argument
    add("--dest", required=True, help="folder for the recordings; made where it is missing")
    add("--patients", type=_patients, default=default, metavar="N,…", help=f"of institutions 1 to 8, or x2 for twice the miniature (default: {default})")  # fmt: skip  # noqa: E501
    add("--rate", type=float, default=100.0, metavar="HZ", help="samples per second (default: 100; hospitals: 500)")
    add("--seconds", type=float, default=10.0, help="length of each recording (default: 10)")
    add("--seed", type=int, default=0, help="another seed makes other people (default: 0)")
    add("--workers", type=int, default=1, help="processes that generate and write (default: 1)")
    options = parser.parse_args(arguments)
    try:
        count = make_lvsd_cohort(**vars(options), progress=True)
    except ValueError as error:
        parser.error(str(error))
    print(f"{count} recordings of {sum(options.patients.values())} synthetic patients stand in {options.dest}/{TABLE}")


if __name__ == "__main__":
    main()
