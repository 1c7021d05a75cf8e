"""Windows of recordings that are at hand as `Record`s, in the same batches that a prepared data set gives."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.data.resample import resample_record
from fairseq_signals.data.store import quantise
from fairseq_signals.data.windows import tile_starts


def batches_of_records(
    records: Iterable[Record], rate: float, window: int, stride: int, batch_size: int
) -> Iterator[dict[str, Any]]:
    """Batches of tiled windows, see `data.dataset.WindowDataset`.

    Recordings are resampled and rounded to stored integers exactly as in preparation, so that numbers agree.

    Args:
        records: recordings; leads that one lacks are absent in its windows.
        rate: Hz of the windows.
        window: samples of a window.
        stride: samples from one tile to the next.
        batch_size: windows per batch; the last may be smaller.

    Raises:
        ValueError: a recording is empty or holds samples that are not finite.
    """
    windows = _windows(records, rate, window, stride)
    batch = []
    for item in windows:
        batch.append(item)
        if len(batch) == batch_size:
            yield _collate(batch, window)
            batch = []
    if batch:
        yield _collate(batch, window)


def _windows(records, rate, window, stride):
    for place, record in enumerate(records):
        signal = (resample_record(record, rate) if record.rate != rate else record).signal
        if not signal.size or not np.isfinite(signal).all():
            raise ValueError(f"signal must be finite and hold at least one sample, got otherwise (record {record.id})")
        integers, nanovolts = quantise(signal)
        for number, start in enumerate(tile_starts(signal.shape[1], window, stride)):
            yield place, number, integers[:, start : start + window], nanovolts, record.leads


def _collate(items, window: int) -> dict[str, Any]:
    source = torch.zeros(len(items), len(STANDARD_LEADS), window, dtype=torch.int16)
    present = torch.zeros(len(items), len(STANDARD_LEADS), dtype=torch.bool)
    lengths = torch.tensor([samples.shape[1] for _, _, samples, _, _ in items])
    for row, (_, _, samples, _, leads) in enumerate(items):
        places = [STANDARD_LEADS.index(lead) for lead in leads]
        present[row, places] = True
        source[row, places, : samples.shape[1]] = torch.from_numpy(np.ascontiguousarray(samples))
    return {
        "source": source,
        "nanovolts": torch.tensor([item[3] for item in items], dtype=torch.int32),
        "lengths": lengths,
        "padded": bool((lengths < window).any()),
        "present": present,
        "recording": torch.tensor([item[0] for item in items]),
        "window": torch.tensor([item[1] for item in items]),
    }
