"""What a source's own signals say about its units and lead names, checked by every preparation.

A recording is examined where it is read (`examine`), and the whole source is judged when all are packed (`judge`):
only beside the others does a wrong gain look wrong.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fairseq_signals.data.checks.ages_and_sexes import judge_ages_and_sexes
from fairseq_signals.data.checks.amplitude import judge_amplitude
from fairseq_signals.data.checks.amplitude_facts import amplitude_facts, extent
from fairseq_signals.data.checks.chest_order import chest_facts, judge_chest_order
from fairseq_signals.data.checks.dead_leads import dead_facts, judge_dead_leads
from fairseq_signals.data.checks.duplicates import judge_duplicates
from fairseq_signals.data.checks.heart_rate import heart_facts, judge_heart_rate
from fairseq_signals.data.checks.lead_identity import judge_limb_leads, limb_facts
from fairseq_signals.data.checks.people import judge_people
from fairseq_signals.data.checks.verdict import Verdict, joined, lenient
from fairseq_signals.data.item import Packed
from fairseq_signals.data.record import Record

__all__ = ["Verdict", "examine", "judge"]

_ABSURD_MV = 1e9


def examine(record: Record) -> dict[str, Any]:
    """Facts about one recording as it was read, small enough to keep for a million; plain JSON values.

    Leads with samples that are not finite, or absurd, do not count: leads that are not stored may hold anything.
    """
    sound = np.abs(record.signal).max(axis=1, initial=0) < _ABSURD_MV  # False for NaN
    if not sound.all():
        record = record.select(tuple(lead for lead, one in zip(record.leads, sound, strict=True) if one))
    if not record.signal.size:
        return {}
    extents = extent(record)
    return {
        **amplitude_facts(record, extents),
        **limb_facts(record, extents),
        **dead_facts(record),
        **chest_facts(record),
        **heart_facts(record),
    }


def judge(packed: Sequence[Packed], calibrated: bool = True, keep_suspect: bool = False) -> Verdict:
    """The verdict on a source.

    Args:
        packed: its recordings, with the facts that `examine` found.
        calibrated: whether its numbers are millivolts; where not, nothing is concluded from amplitudes and limb leads.
        keep_suspect: reject and refuse nothing, and warn instead.
    """
    of_signals = (judge_limb_leads, judge_chest_order, judge_amplitude) if calibrated else (judge_chest_order,)
    always = (judge_heart_rate, judge_dead_leads, judge_duplicates, judge_people, judge_ages_and_sexes)
    verdict = joined([each(packed) for each in (*of_signals, *always)])
    if keep_suspect:
        return lenient(verdict)
    return replace(verdict, refusal=f"{verdict.refusal}; --keep-suspect keeps it") if verdict.refusal else verdict
