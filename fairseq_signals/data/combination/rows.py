"""The rows of the combined manifests: new names, places in the combined store, labels among the common classes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fairseq_signals.data.combination.content import Content
from fairseq_signals.data.combination.linking import Shard
from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.row import COLUMNS, WEIGHT, Row
from fairseq_signals.data.store import Store

SOURCE = "source"


def extra_columns(parts: Sequence[Prepared]) -> list[str]:
    """Further columns: those of any part, `source`, and `sampling_weight` where any part has a weight."""
    every = [name for part in parts for name in part.columns]
    every += [SOURCE] + ([WEIGHT] if any(part.part.weight != 1 for part in parts) else [])
    return [name for name in dict.fromkeys(every) if name not in COLUMNS]


def rows_of(name: str, content: Content, store: Store) -> Iterator[Row]:
    """The rows of one list, in the order of parts and of their manifests.

    Args:
        name: of the list.
        content: of the combination.
        store: the combined one.
    """
    weighted = WEIGHT in extra_columns(content.parts)
    for number, part in enumerate(content.parts):
        if name not in part.manifests:
            continue
        listed = content.selection.recordings.listed[number, name]
        kept = content.selection.kept[name][listed.recording]
        for row, keep in zip(part.rows(name), kept.tolist(), strict=True):
            if keep:
                place = _place(row, content.shards[number, row.stored[0]], content.rate, store)
                labels = content.space.translated(number, row.labels, row.unknown, row.unlabelled)
                yield replace(row, **_names(row, part, weighted), **place, **labels)


def _names(row: Row, part: Prepared, weighted: bool) -> dict[str, Any]:
    extra = row.extra | {SOURCE: part.names.source(row)}
    if weighted:
        extra[WEIGHT] = f"{part.part.weight * row.weight:g}"
    return {"id": f"{part.part.name}/{row.id}", "patient": part.names.patient(row), "extra": extra}


def _place(row: Row, shard: Shard, rate: float, store: Store) -> dict[str, Any]:
    """Where the row lies in the combined store."""
    place = shard.new_place(row.stored[1])
    ecg = f"{shard.new_name}:{place}"
    if row.rate == rate:
        return {"ecg": ecg}
    start, length = _stretch(row.start, row.length, row.rate, rate, store.entry(shard.new_name, place).length)
    return {"ecg": ecg, "start": start, "length": length, "rate": rate}


def _stretch(start: int, length: int, rate: float, new_rate: float, total: int) -> tuple[int, int]:
    """First sample and number of samples of a stretch at another rate.

    A sample belongs to it when its time lies within: sample t at t / rate seconds.

    Args:
        start: first sample at `rate`.
        length: number of samples at `rate`.
        rate: Hz that the two are counted in.
        new_rate: Hz that is wanted.
        total: samples of the whole recording at the new rate.
    """
    # Rounded before the ceiling: 4999.999999999999 is meant to be 5000.
    first, last = (int(np.ceil(round(sample * new_rate / rate, 6))) for sample in (start, start + length))
    return first, min(last, total) - first
