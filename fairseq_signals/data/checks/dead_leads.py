"""Leads that show no heart: flat ones, and those that stand at a rail of the amplifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fairseq_signals.data.checks.verdict import Verdict, of_counts
from fairseq_signals.data.item import Packed
from fairseq_signals.data.record import Record

FLAT, RAIL = "flat", "rail"
_SHARE = 0.01  # of the samples, at one extreme
_FAR_MV = 0.5  # from the median: in a small lead of few steps the baseline itself is often the extreme


def dead_facts(record: Record) -> dict[str, Any]:
    """Leads that are constant, and the share of samples at an extreme of those that stand there."""
    signal = record.signal
    highest, lowest = signal.max(axis=1), signal.min(axis=1)
    flat = [lead for lead, high, low in zip(record.leads, highest, lowest, strict=True) if high == low]
    rails = {}
    for row, lead in enumerate(record.leads):
        for extreme in (highest[row], lowest[row]):
            share = np.count_nonzero(signal[row] == extreme) / signal.shape[1]
            if lead not in flat and share >= _SHARE and abs(extreme - np.median(signal[row])) >= _FAR_MV:
                rails[lead] = round(float(max(share, rails.get(lead, 0))), 4)
    return ({FLAT: flat} if flat else {}) | ({RAIL: rails} if rails else {})


def judge_dead_leads(packed: Sequence[Packed]) -> Verdict:
    """A warning for each recording with such a lead among those that are stored."""
    warnings: dict[str, list[str]] = {}
    flat, rail = 0, 0
    for one in packed:
        dead = [lead for lead in one.facts.get(FLAT, ()) if lead in one.leads]
        stuck = {lead: share for lead, share in one.facts.get(RAIL, {}).items() if lead in one.leads}
        flat, rail = flat + bool(dead), rail + bool(stuck)
        if dead:
            warnings.setdefault(one.item.id, []).append(f"constant: {', '.join(dead)}")
        if stuck:
            told = ", ".join(f"{lead} {share:.1%}" for lead, share in stuck.items())
            warnings.setdefault(one.item.id, []).append(f"samples at one extreme value: {told}")
    return of_counts(warnings, {"with a constant lead": flat, "with a lead at a rail": rail})
