"""Whether the amplitudes of a source can be millivolts, and which of its recordings cannot.

What cannot be is rejected where it is a few recordings: a wrong gain (`gains`), or an amplitude beyond a factor of 20
from the median. A source is refused where its median is none of millivolts, or where two large groups of it contradict
each other (`gains`, `levels`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fairseq_signals.data.checks.amplitude_facts import FACT, GAIN
from fairseq_signals.data.checks.gains import FAULT, judge_gains
from fairseq_signals.data.checks.levels import amplitudes, two_units
from fairseq_signals.data.checks.verdict import Verdict, joined
from fairseq_signals.data.item import Packed, Reject

_ORDINARY_MV = 1.2
_PLAUSIBLE_MV = (0.3, 5.0)  # of a source's median: a factor of four each way
_IMPOSSIBLE = 20.0  # factor between a recording and its source's median, or between a few recordings and the ordinary
_STRANGE = 4.0  # factor between a recording and its source's median that is worth a warning
_FEWEST = 20


def judge_amplitude(packed: Sequence[Packed]) -> Verdict:
    """Rejects, warnings and perhaps the refusal of the whole source, from the facts of its recordings."""
    known = [one for one in packed if FACT in one.facts]
    if not known:
        return Verdict()
    middle = float(np.median(amplitudes(known)))
    by_gain = joined([judge_gains(asked, beside) for asked, beside in _compared(known)])
    far = [
        Reject(
            one.item,
            FAULT,
            f"amplitude must be within a factor of {_IMPOSSIBLE:g} of the others', got "
            f"{one.facts[FACT]:.3g} mV, and {usual:.3g} in their median",
        )
        for one, usual in _beside_median(known, middle)
        if not 1 / _IMPOSSIBLE <= one.facts[FACT] / usual <= _IMPOSSIBLE
    ]
    gone = {reject.item.id for reject in (*by_gain.rejects, *far)}
    strange = {
        one.item.id: [f"amplitude is {one.facts[FACT]:.3g} mV, and {middle:.3g} in the median of all"]
        for one in known
        if one.item.id not in gone and not 1 / _STRANGE <= one.facts[FACT] / middle <= _STRANGE
    }
    card = {"median amplitude, mV": round(middle, 3)}
    lines = [f"median amplitude (peak to peak, mean of the leads) {middle:.2f} mV"]
    return replace(joined([by_gain, Verdict(far, strange, card, lines)]), refusal=by_gain.refusal or _refusal(known))


def _refusal(known: Sequence[Packed]) -> str | None:
    groups = [("", known), *((name, group) for name, group in _by_source(known).items() if len(group) >= _FEWEST)]
    found = (two_units(group) or _no_millivolts(name, group) for name, group in groups)
    return next((text for text in found if text), None)


def _by_source(known: Sequence[Packed]) -> dict[str, list[Packed]]:
    """Recordings by sub-source (the column `source`, else `folder`, where there is one)."""
    groups: dict[str, list[Packed]] = {}
    for one in known:
        groups.setdefault(one.item.extra.get("source") or one.item.extra.get("folder", ""), []).append(one)
    return groups


def _beside_median(known: Sequence[Packed], middle: float) -> list[tuple[Packed, float]]:
    """Each recording with the median of its sub-source; with that of all where its sub-source is small."""
    found = []
    for group in _by_source(known).values():
        usual = float(np.median(amplitudes(group))) if len(group) >= _FEWEST else middle
        found += [(one, usual) for one in group]
    return found


def _no_millivolts(source: str, group: Sequence[Packed]) -> str | None:
    middle = float(np.median(amplitudes(group)))
    few = (_ORDINARY_MV / _IMPOSSIBLE, _ORDINARY_MV * _IMPOSSIBLE)
    least, most = _PLAUSIBLE_MV if len(group) >= _FEWEST else few
    if least <= middle <= most:
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
