#!/usr/bin/env python
"""Measures preparation, loading, pre-training steps and a loss on this machine, and prints one table.

What is compared is measured in turns, for several rounds, and the fastest round counts: other work on the machine hits
all alike, so ratios hold where the figures themselves do not. Preparation and loading run on one core and from a warm
page cache. Everything written lies in a temporary folder, which is removed at the end.
"""

import argparse
import logging
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch
from benchmarks.loader import measure_loader
from benchmarks.masking import measure_masking, measure_masking_on_gpu
from benchmarks.prediction import measure_prediction
from benchmarks.preparation import measure_preparation
from benchmarks.source import measure_source
from benchmarks.step import measure_gpu, measure_step
from benchmarks.table import QUICK, Scale, Table


def measure(table: Table, scale: Scale, threads: int, folder: "Path | None"):
    """Enters every measurement; temporary files in `folder`, or where the system keeps its own."""
    with tempfile.TemporaryDirectory(prefix="ecg-benchmark-", dir=folder) as temporary:
        torch.set_num_threads(1)
        measure_loader(table, Path(temporary), scale)
        measure_preparation(table, Path(temporary), scale)
    torch.set_num_threads(threads)
    measure_step(table, scale)
    measure_prediction(table, scale)
    measure_masking(table, scale)
    if torch.cuda.is_available():
        measure_gpu(table, scale, torch.device("cuda"), torch.cuda.get_device_name())
        measure_masking_on_gpu(table, scale, torch.device("cuda"))


def measure_simulated(table: Table, recordings: int, rate: int, folder: "Path | None"):
    """Enters the preparation of a simulated source; on a Dask cluster too where Dask is installed."""
    with tempfile.TemporaryDirectory(prefix="ecg-benchmark-", dir=folder) as temporary:
        measure_source(table, Path(temporary), recordings, rate, find_spec("distributed") is not None)


def main(arguments: "list[str] | None" = None):
    """Parses the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="also write the table to this file, tab-separated")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, to see that it works")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a step on the processor")
    parser.add_argument(
        "--folder", type=Path, help="where temporary files go (about a gigabyte without --source); a fast, local disk"
    )
    parser.add_argument("--source", type=int, metavar="N", help="instead: prepare a simulated source of N recordings")
    parser.add_argument(
        "--source-rate",
        type=int,
        default=500,
        metavar="HZ",
        help="of the simulated source (at 500, 120 kB a recording, twice)",
    )
    options = parser.parse_args(arguments)
    for name, path in (
        ("--folder", options.folder),
        ("the folder of --output", options.output and options.output.parent),
    ):
        if path is not None and not path.is_dir():
            parser.error(f"{name} must be a folder that exists, got {path}")
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, got {options.threads}")
    logging.getLogger("fsspec").setLevel(logging.WARNING)  # a line for every file that wfdb opens would be timed, too
    table = Table()
    try:
        if options.source:
            measure_simulated(table, options.source, options.source_rate, options.folder)
        else:
            measure(table, QUICK if options.quick else Scale(), options.threads, options.folder)
    finally:  # what was measured before something failed is shown, too
        if options.output:
            table.write(options.output)
        print(table)


if __name__ == "__main__":
    sys.exit(main())
