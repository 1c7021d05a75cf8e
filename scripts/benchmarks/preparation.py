"""Recordings per second from WFDB files into the store."""

import shutil
from pathlib import Path

import numpy as np
import wfdb
from tqdm import tqdm

from benchmarks.loader import LENGTH, RATE, noise
from benchmarks.table import Scale, Table, fastest
from fairseq_signals.data.item import Item, Packing
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.packing import pack
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.store import ShardWriter
from fairseq_signals.data.synthetic.write import write_wfdb


def measure_preparation(table: Table, folder: Path, scale: Scale):
    """Reading, and reading with packing, beside the wfdb package's own reading; one core, files in the page cache."""
    source, files = folder / "wfdb", scale.files // 4
    generator = np.random.default_rng(0)
    names = [f"r{number}" for number in range(files)]
    for name in tqdm(names, desc="WFDB files", unit="recording"):
        write_wfdb([Record(noise(generator, LENGTH), RATE, STANDARD_LEADS, name)], source)

    def shard():
        with ShardWriter(_empty(folder / "shard"), "a") as writer:  # add() quantises
            for name in names:
                writer.add(read_record(source / f"{name}.hea").signal)

    def packing():
        items = [Item(f"{name}.hea", name) for name in names]
        pack(items, source, _empty(folder / "packed"), _empty(folder / "reports"), Packing())

    variants = {
        "wfdb.rdrecord": lambda: [wfdb.rdrecord(str(source / name)) for name in names],
        "read_record": lambda: [read_record(source / f"{name}.hea") for name in names],
        "read_record + quantise + ShardWriter": shard,
        "pack (the same with checks, digests, reports)": packing,
    }
    for name, spent in fastest(variants, max(2, scale.rounds // 4), "preparation").items():
        to = [] if name == "wfdb.rdrecord" else ["prepare: wfdb.rdrecord"]
        table.add(f"prepare: {name}", files / spent, "recordings/s", *to)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
