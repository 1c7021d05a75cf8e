"""Whether the limb leads of a source are what they are called: III = II - I, aVR = -(I + II) / 2 and so on.

A recording whose names or signs are evidently wrong is rejected, and so is one whose limb leads contradict each other
most of the time. Where they do so for moments only, however often, the recording is kept with a warning:
of the 24 that do in PTB-XL, 11 are of patients with a pacemaker, whose spikes devices draw lead by lead (the four in
which it happens at every beat among them), and nobody wants to lose just those. When a tenth of a source shows the
same exchange, its order of leads was misread: the whole source is refused.

Leads contradict each other where they are more than 0.1 mV (a millimetre of ECG paper) apart, or a tenth of their
size where that is less; offsets do not count, as filters set them lead by lead. Rounding stays far below: 0.002 mV in
PTB-XL, 0.004 in Chapman and Ningbo, 0.03 in CODE-15.

What the identities cannot see stands in `lead_arrangements.py`.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from fairseq_signals.data.checks.lead_arrangements import contradiction, in_words
from fairseq_signals.data.checks.verdict import Verdict
from fairseq_signals.data.item import Packed, Reject
from fairseq_signals.data.limb_leads import LIMB_LEADS, factors
from fairseq_signals.data.record import Record

EXCHANGED, CONTRADICTORY = "leads exchanged", "leads contradictory"
FACT = "limb"  # HOLD, or {"errors": {lead: mV}, "share": of the samples, "throughout": …, "really": arrangements}
HOLD = "hold"
_APART_MV = 0.1
_APART_SHARE = 0.1  # of the largest lead's size
_ROUNDING_MV = 0.015
_LASTING = 0.1  # of the leads' own size, outside of spikes
_COMMON = 0.1  # share of the recordings
_FEWEST = 10


def limb_facts(record: Record, sizes: np.ndarray) -> dict[str, Any]:
    """Whether the limb leads obey the identities; nothing where I, II and a third one are not all there.

    Args:
        record: as it was read.
        sizes: peak-to-peak amplitude of each lead, mV; flat leads do not count.
    """
    alive = tuple(lead for lead, size in zip(record.leads, sizes, strict=True) if lead in LIMB_LEADS and size > 0)
    if len(alive) < 3 or alive[:2] != ("I", "II"):
        return {}
    rows = [record.leads.index(lead) for lead in alive]
    limb = record.signal[rows[0] : rows[-1] + 1] if rows[-1] - rows[0] == len(rows) - 1 else record.signal[rows]
    error = _identities(alive) @ limb
    error -= error.mean(axis=1, keepdims=True)
    worst = np.maximum(error.max(axis=1), -error.min(axis=1))
    apart = max(min(_APART_MV, _APART_SHARE * float(sizes[rows].max())), _ROUNDING_MV)
    if worst.max() <= apart:
        return {FACT: HOLD}
    throughout, really = _contradiction(alive, limb)
    throughout = throughout and _lasting(error) > _LASTING * _lasting(limb)
    errors = {lead: round(float(one), 3) for lead, one in zip(alive[2:], worst, strict=True) if one > apart}
    share = round(float(np.mean((np.abs(error) > apart).any(axis=0))), 4)
    return {FACT: {"errors": errors, "share": share, "throughout": throughout, "really": really}}


@cache
def _identities(leads: tuple[str, ...]) -> np.ndarray:
    """What is to be multiplied with the leads (I, II and others) to get the error of each of the others."""
    others = leads[2:]
    return np.hstack([-factors(others, leads[:2]), np.eye(len(others))]).astype(np.float32)


def _lasting(signal: np.ndarray) -> float:
    """What the largest of several signals exceeds in 15 % of the time, mV; spikes and short damage do not count."""
    away = np.abs(signal - np.median(signal, axis=1, keepdims=True))
    return float(np.quantile(away, 0.85, axis=1).max())


def _contradiction(leads: tuple[str, ...], limb: np.ndarray) -> tuple[bool, list[str]]:
    present = tuple(lead in leads for lead in LIMB_LEADS)
    whole = np.zeros((len(LIMB_LEADS), limb.shape[1]), np.float32)
    whole[np.flatnonzero(present)] = limb
    return contradiction(whole, present)


def judge_limb_leads(packed: Sequence[Packed]) -> Verdict:
    """Rejects, warnings and perhaps the refusal of the whole source, from the facts of its recordings."""
    tested = [one for one in packed if FACT in one.facts and set(LIMB_LEADS) & set(one.leads)]
    broken = [one for one in tested if one.facts[FACT] != HOLD]
    rejects, warnings = [], {}
    for one in broken:
        fault, message = _fault(one), _message(one.facts[FACT])
        if fault:
            rejects.append(Reject(one.item, fault, message))
        else:
            warnings[one.item.id] = [message]
    holding = len(tested) - len(broken)
    card = {"limb leads tested": len(tested), "limb leads obey their identities": holding} if tested else {}
    lines = [f"III = II - I and the other identities of limb leads hold in {holding:,} of {len(tested):,} recordings"]
    return Verdict(rejects, warnings, card, lines if tested else [], _refusal(broken, len(tested)))


def _fault(one: Packed) -> str | None:
    """Why a recording is to be rejected; None where its damage passes, or is in leads that are not stored."""
    found = one.facts[FACT]
    if found["really"]:
        changed = {pair.split("=")[0] for arrangement in found["really"] for pair in arrangement.split(",")}
        return EXCHANGED if changed & set(one.leads) else None
    return CONTRADICTORY if found["throughout"] else None


def _message(found: dict[str, Any]) -> str:
    errors = ", ".join(f"{lead} {error:g} mV" for lead, error in found["errors"].items())
    text = (
        f"limb leads must agree (III = II - I and the like), got errors of up to {errors} in {found['share']:.1%} of "
        f"the samples"
    )
    words = [in_words(arrangement) for arrangement in found["really"]]
    if len(words) > 1:
        return f"{text}: one of these is the case: {'; or '.join(words)}"
    return f"{text}: {words[0]}" if words else text


def _refusal(broken: Sequence[Packed], tested: int) -> str | None:
    """Why the source's order of leads must have been misread, and the way out."""
    wrong = [one.facts[FACT]["really"] or [""] for one in broken if _fault(one)]
    counts = Counter(arrangement for really in wrong for arrangement in really)
    really, count = counts.most_common(1)[0] if counts else ("", 0)
    if count < max(_FEWEST, _COMMON * tested):
        return None
    where = f"in {count:,} of {tested:,} recordings"
    if not really:
        return (
            f"limb leads must agree (III = II - I and the like), got leads that contradict each other {where}: order, "
            f"names or units of the channels were misread, or leads were not recorded at the same time"
        )
    return f"leads must be what the files call them, got another order {where} ({in_words(really)}): {_way_out(really)}"


def _way_out(really: str) -> str:
    if "-" in really:
        return "the files must be corrected, since an inverted lead is no matter of names"
    return f"if all files of the source are so, prepare it with --relabel {really}"
