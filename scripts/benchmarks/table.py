"""The table of measurements, and how things are timed that are to be compared."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        recordings: of the synthetic store (ten seconds, 12 leads, 500 Hz).
        files: recordings or segments in files of their own.
        batch: windows per batch of the loader.
        rounds: of every comparison.
        loader_batches: that the data loader's worker gives per round.
        windows: per training step on the processor.
        steps: timed on a GPU, for each size, precision and batch.
        sizes, gpu_batches: of the model and of its batches on a GPU.
        prediction: windows, frames, steps, negatives and width of the loss of contrastive predictive coding.
        prediction_every: the loop that it is compared with takes every so many frames.
    """

    recordings: int = 4096
    files: int = 1024
    batch: int = 256
    rounds: int = 20
    loader_batches: int = 60
    windows: int = 32
    steps: int = 10
    sizes: tuple[str, ...] = ("tiny", "small", "base")
    gpu_batches: tuple[int, ...] = (64, 128)
    prediction: tuple[int, int, int, int, int] = (32, 1000, 12, 128, 512)
    prediction_every: int = 100


QUICK = Scale(96, 32, 32, 2, 4, 4, 2, ("tiny",), (4,), (2, 100, 3, 8, 16), 10)


class Line(NamedTuple):
    """One measurement, and its ratio to the value of another."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    to: str = ""


class Table:
    """The measurements in order; ratios come from the values that stand in the table."""

    def __init__(self):
        self.lines: list[Line] = []

    def add(self, what: str, value: float, unit: str, *to: str):
        """Enters a value; one line for each earlier measurement in `to` that it is compared with."""
        values = {line.what: line.value for line in self.lines}
        ratios = [(value / values[name], name) for name in to] or [(None, "")]
        self.lines += [Line(what, value, unit, *ratio) for ratio in ratios]

    def cells(self) -> list[tuple[str, ...]]:
        """The header and every line as text."""
        rows = [
            (x.what, f"{x.value:.5g}", x.unit, "" if x.ratio is None else f"{x.ratio:.3g}", x.to) for x in self.lines
        ]
        return [("what", "value", "unit", "ratio", "to"), *rows]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.cells(), strict=True)]
        aligned = [str.ljust, str.rjust, str.ljust, str.rjust, str.ljust]
        lines = (zip(aligned, row, widths, strict=True) for row in self.cells())
        return "\n".join("  ".join(align(cell, width) for align, cell, width in line).rstrip() for line in lines)

    def write(self, path: Path):
        """Writes the table as tab-separated text."""
        with written_whole(path, "w") as file:
            file.writelines("\t".join(row) + "\n" for row in self.cells())


def fastest(variants: Mapping[str, Callable[[], object]], rounds: int, title: str) -> dict[str, float]:
    """Seconds of each variant's fastest call; they are called in turns, the first turn does not count."""
    seconds = dict.fromkeys(variants, float("inf"))
    for turn in tqdm(range(rounds + 1), desc=title, unit="round"):
        for name, run in variants.items():
            begin = time.perf_counter()
            run()
            if turn:
                seconds[name] = min(seconds[name], time.perf_counter() - begin)
    return seconds
