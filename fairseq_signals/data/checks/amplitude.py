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

from fairseq_signals.data.checks.verdict import Verdict
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
    rejects, warnings = [], {}
    for group in _groups(known):
        _judge_group(group, rejects, warnings)
    gone = {reject.item.id for reject in rejects}
    strange = [one for one in known if one.item.id not in gone and _is_strange(one.facts[FACT] / middle)]
    for one in strange:
        text = f"amplitude is {one.facts[FACT]:.3g} mV, and {middle:.3g} in the median of all"
        warnings.setdefault(one.item.id, []).append(text)
    card = {"median amplitude, mV": round(middle, 3)}
    lines = [f"median amplitude (peak to peak, mean of the leads) {middle:.2f} mV"]
    return Verdict(rejects, warnings, card, lines, _refusal(middle, len(known)))


def _is_strange(ratio: float) -> bool:
    return not 1 / _STRANGE <= ratio <= _STRANGE


def _refusal(middle: float, count: int) -> str | None:
    if count < _FEWEST or _PLAUSIBLE_MV[0] <= middle <= _PLAUSIBLE_MV[1]:
        return None
    large = middle > _ORDINARY_MV
    factor = middle / _ORDINARY_MV if large else _ORDINARY_MV / middle
    return (
        f"amplitudes must be millivolts (a median of about {_ORDINARY_MV:g}, peak to peak, in ordinary sources), got "
        f"{middle:.3g} in {count:,} recordings, about {factor:.2g} times too {'large' if large else 'small'}: the "
        f"files state a wrong unit or gain, or it was stated for them wrongly"
    )


def _groups(known: Sequence[Packed]) -> list[list[Packed]]:
    """The recordings whose gains are compared: those of one sub-source where they are enough, else all."""
    by_source: dict[str, list[Packed]] = {}
    for one in known:
        if GAIN in one.facts:
            by_source.setdefault(one.item.extra.get("source", ""), []).append(one)
    rest = [one for group in by_source.values() if len(group) < _FEWEST for one in group]
    groups = [group for group in by_source.values() if len(group) >= _FEWEST]
    return [*groups, [one for group in groups for one in group] + rest] if rest else groups


def _judge_group(group: Sequence[Packed], rejects: list[Reject], warnings: dict[str, list[str]]) -> None:
    gains = Counter(one.facts[GAIN] for one in group)
    usual, count = gains.most_common(1)[0]
    if count < max(_FEWEST, _SHARED * len(group)):
        return
    lowest, middle, highest = np.percentile([one.facts[FACT] for one in group if one.facts[GAIN] == usual], [1, 50, 99])
    for gain in set(gains) - {usual}:
        those = [one for one in group if one.facts[GAIN] == gain]
        theirs = float(np.median([one.facts[FACT] for one in those]))
        distance, otherwise = (abs(np.log(one / middle)) for one in (theirs, theirs * gain / usual))
        unlike = distance > np.log(_UNLIKE) and not lowest <= theirs <= highest
        wrong = unlike and otherwise < distance and lowest <= theirs * gain / usual <= highest
        for one in those:
            text = f"gain is {gain:g} steps per mV, and {usual:g} in {count:,} of {len(group):,} recordings"
            if wrong:
                stated = one.facts[FACT]
                text = (
                    f"gain must fit the amplitude, got {gain:g} steps per mV where {count:,} of {len(group):,} "
                    f"recordings have {usual:g}, and {stated:.3g} mV where the median is {middle:.3g} mV (with their "
                    f"gain it would be {stated * gain / usual:.3g} mV)"
                )
                rejects.append(Reject(one.item, FAULT, text))
            else:
                warnings.setdefault(one.item.id, []).append(text)
