"""Whether the amplitudes of a source can be millivolts, and whether single recordings state a wrong gain.

A recording's amplitude is the peak-to-peak amplitude of an ordinary two seconds (the median over all of them, so a
spike does not count), averaged over the leads. In PTB-XL it is 1.2 mV in the median and between 0.37 and 4.3 mV in
all 21,799; the median is 1.4 mV in CinC 2021, and 2.9 mV in CODE-15, whose baselines wander.

A wrong gain shows beside the others: it is not theirs, it makes the amplitude unlike theirs, and their gain would make
it like theirs. Recordings for which all three are true are rejected; where one of the first two is, there is a warning.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from fairseq_signals.data.checks.verdict import Verdict, joined
from fairseq_signals.data.item import Packed, Reject
from fairseq_signals.data.montage import millivolts_per
from fairseq_signals.data.record import Record

FAULT = "wrong unit"
FACT, GAIN = "amplitude", "gain"
_ORDINARY_MV = 1.2
_PLAUSIBLE_MV = (0.3, 5.0)  # of a source's median: a factor of four each way
_STRANGE = 4.0  # factor between a recording and its source's median that is worth a warning
_UNLIKE = 2.0  # least factor between those with a wrong gain and the others
_SHARED = 0.9  # share of the recordings that have the usual gain
_FEWEST = 20
_STRETCH_S = 2.0


def extent(record: Record) -> np.ndarray:
    """Peak-to-peak amplitude of each lead in an ordinary two seconds: `[L]`, mV."""
    count = max(1, int(record.seconds / _STRETCH_S))
    length = record.signal.shape[1] // count
    parts = record.signal[:, : count * length].reshape(len(record.leads), count, length)
    return np.median(parts.max(axis=2) - parts.min(axis=2), axis=1)


def amplitude_facts(record: Record, extents: np.ndarray) -> dict[str, Any]:
    """A recording's amplitude (mV), and its gain (steps per mV) where its file states one.

    Args:
        record: as it was read.
        extents: of its leads, as `extent` tells; flat ones do not count.
    """
    alive = extents[extents > 0]
    facts = {FACT: float(f"{alive.mean():.4g}")} if len(alive) else {}
    gain = _gain(record)
    return facts if gain is None else facts | {GAIN: gain}


def _gain(record: Record) -> float | None:
    gains, units = record.meta.get("gain"), record.meta.get("unit")
    try:
        steps = [gain / millivolts_per(unit, "") for gain, unit in zip(gains, units, strict=True)]
        middle = float(f"{np.median(steps):.6g}")
    except (TypeError, ValueError):  # stated in another form, or not for every lead
        return None
    return middle if 0 < middle < np.inf else None


def judge_amplitude(packed: Sequence[Packed]) -> Verdict:
    """Rejects, warnings and perhaps the refusal of the whole source, from the facts of its recordings."""
    known = [one for one in packed if FACT in one.facts]
    if not known:
        return Verdict()
    middle = float(np.median([one.facts[FACT] for one in known]))
    gains = joined([_judge_gains(asked, beside) for asked, beside in _compared(known)])
    gone = {reject.item.id for reject in gains.rejects}
    strange = {
        one.item.id: [f"amplitude is {one.facts[FACT]:.3g} mV, and {middle:.3g} in the median of all"]
        for one in known
        if one.item.id not in gone and not 1 / _STRANGE <= one.facts[FACT] / middle <= _STRANGE
    }
    card = {"median amplitude, mV": round(middle, 3)}
    lines = [f"median amplitude (peak to peak, mean of the leads) {middle:.2f} mV"]
    groups = [("", known), *_by_source(known).items()]
    refusal = next((text for name, group in groups if (text := _refusal(name, group))), None)
    return joined([gains, Verdict((), strange, card, lines, refusal)])


def _by_source(known: Sequence[Packed]) -> dict[str, list[Packed]]:
    """Recordings by sub-source (the column `source`, else `folder`, where there is one)."""
    groups: dict[str, list[Packed]] = {}
    for one in known:
        groups.setdefault(one.item.extra.get("source") or one.item.extra.get("folder", ""), []).append(one)
    return groups


def _refusal(source: str, group: Sequence[Packed]) -> str | None:
    middle = float(np.median([one.facts[FACT] for one in group]))
    if len(group) < _FEWEST or _PLAUSIBLE_MV[0] <= middle <= _PLAUSIBLE_MV[1]:
        return None
    where = f"in {len(group):,} recordings{f' of {source}' if source else ''}"
    large = middle > _ORDINARY_MV
    factor = middle / _ORDINARY_MV if large else _ORDINARY_MV / middle
    return (
        f"amplitudes must be millivolts (a median of about {_ORDINARY_MV:g}, peak to peak, in ordinary sources), got "
        f"{middle:.3g} {where}, about {factor:.2g} times too {'large' if large else 'small'}: the files state a wrong "
        f"unit or gain, or it was stated for them wrongly"
    )


def _compared(known: Sequence[Packed]) -> list[tuple[list[Packed], list[Packed]]]:
    """Which recordings' gains are compared with which: a sub-source's with its own, one of a few with those of all."""
    everything = [one for one in known if GAIN in one.facts]
    groups = _by_source(everything).values()
    return [(group, group if len(group) >= _FEWEST else everything) for group in groups]


def _judge_gains(asked: Sequence[Packed], beside: Sequence[Packed]) -> Verdict:
    usual, count = Counter(one.facts[GAIN] for one in beside).most_common(1)[0]
    others: dict[float, list[Packed]] = {}
    for one in asked:
        if one.facts[GAIN] != usual:
            others.setdefault(one.facts[GAIN], []).append(one)
    if not others or count < max(_FEWEST, _SHARED * len(beside)):
        return Verdict()
    ordinary = np.percentile([one.facts[FACT] for one in beside if one.facts[GAIN] == usual], [1, 50, 99])
    where = f"{usual:g} in {count:,} of {len(beside):,} recordings"
    rejects, warnings = [], {}
    for gain, those in others.items():
        wrong = _is_wrong([one.facts[FACT] for one in those], gain / usual, *ordinary)
        for one in those:
            if wrong:
                rejects.append(Reject(one.item, FAULT, _message(one.facts, usual, where, ordinary[1])))
            else:
                warnings[one.item.id] = [f"gain is {gain:g} steps per mV, and {where}"]
    return Verdict(rejects, warnings)


def _is_wrong(amplitudes: Sequence[float], ratio: float, lowest: float, middle: float, highest: float) -> bool:
    """Whether amplitudes are unlike the others' as they are, and like theirs when multiplied by the gains' ratio."""
    stated = float(np.median(amplitudes))
    far = not 1 / _UNLIKE <= stated / middle <= _UNLIKE
    return far and not lowest <= stated <= highest and bool(lowest <= stated * ratio <= highest)


def _message(facts: dict[str, Any], usual: float, where: str, middle: float) -> str:
    gain, stated = facts[GAIN], facts[FACT]
    return (
        f"gain must fit the amplitude, got {gain:g} steps per mV ({where}) and {stated:.3g} mV ({middle:.3g} in the "
        f"median; with the others' gain it would be {stated * gain / usual:.3g} mV)"
    )
