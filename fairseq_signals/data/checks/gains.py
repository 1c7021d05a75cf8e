"""Whether recordings state a wrong gain, judged beside others of another gain.

A wrong gain is not the others', it makes the amplitude unlike theirs, and their gain would make it like theirs.
Recordings for which all three are true are rejected where they are few. Where they are many, nobody can tell whose gain
is wrong, and the source is refused: two groups above a tenth, apart by a factor of 3 or more (a ward and telehealth
were 2.4 apart), and the ratio of their gains explains it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from fairseq_signals.data.checks.amplitude_facts import FACT, GAIN
from fairseq_signals.data.checks.levels import amplitudes, contradiction, is_large
from fairseq_signals.data.checks.verdict import Verdict
from fairseq_signals.data.item import Packed, Reject

FAULT = "wrong unit"
_UNLIKE = 2.0  # least factor between those with a wrong gain and the others
_APART, _EXPLAINED = 3.0, 1.4  # factors between two large groups: least as they are, and most with one gain for both
_MOSTLY, _NEARLY_ALL = 0.5, 0.9  # shares that have the usual gain: for a verdict on others, and to call others odd
_FEWEST = 20


def judge_gains(asked: Sequence[Packed], beside: Sequence[Packed]) -> Verdict:
    """Rejects, warnings and perhaps a refusal for recordings whose gain is not the most frequent one.

    Args:
        asked: recordings with a gain.
        beside: those to compare them with, themselves among them.
    """
    usual, count = Counter(one.facts[GAIN] for one in beside).most_common(1)[0]
    theirs = [one for one in beside if one.facts[GAIN] == usual]
    others: dict[float, list[Packed]] = {}
    for one in asked:
        if one.facts[GAIN] != usual:
            others.setdefault(one.facts[GAIN], []).append(one)
    ordinary = np.percentile(amplitudes(theirs), [1, 50, 99])
    where = f"{usual:g} in {count:,} of {len(beside):,} recordings"
    rejects, warnings, refusal = [], {}, None
    for gain, those in others.items():
        if is_large(those, beside) and is_large(theirs, beside):
            refusal = refusal or _contradiction(those, theirs, gain, usual)
        elif count >= max(_FEWEST, _MOSTLY * len(beside)) and _is_wrong(amplitudes(those), gain / usual, *ordinary):
            rejects += [Reject(one.item, FAULT, _message(one.facts, usual, where, ordinary[1])) for one in those]
            continue
        if count >= max(_FEWEST, _NEARLY_ALL * len(beside)):
            warnings |= {one.item.id: [f"gain is {gain:g} steps per mV, and {where}"] for one in those}
    return Verdict(rejects, warnings, refusal=refusal)


def _contradiction(those: Sequence[Packed], theirs: Sequence[Packed], gain: float, usual: float) -> str | None:
    stated, middle = float(np.median(amplitudes(those))), float(np.median(amplitudes(theirs)))
    if _within(stated, middle, _APART) or not _within(stated * gain / usual, middle, _EXPLAINED):
        return None
    return contradiction(those, theirs, f"the ratio of the gains that they state, {gain:g} and {usual:g} steps per mV")


def _within(one: float, other: float, factor: float) -> bool:
    return 1 / factor < one / other < factor


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
