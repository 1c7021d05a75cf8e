"""The limb leads that a recording lacks, computed from two that it has.

Conventions: with electrodes on the right arm (R), left arm (L) and left foot (F), Einthoven's leads are I = L − R,
II = F − R, III = F − L, and Goldberger's are aVR = R − (L + F) / 2, aVL = L − (R + F) / 2, aVF = F − (R + L) / 2. All
six lie in a plane: any two determine the others.
"""

from dataclasses import replace

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record

LIMB_LEADS = STANDARD_LEADS[:6]

# Each lead as (factor of I, factor of II).
_OF_I_AND_II = np.array([(1, 0), (0, 1), (-1, 1), (-0.5, -0.5), (1, -0.5), (-0.5, 1)])


def with_limb_leads(record: Record) -> Record:
    """The recording with all six limb leads, those it lacked derived and listed in `meta["derived"]`.

    A recording with fewer than two limb leads, or with all six, is returned as it is. Leads that are there are never
    replaced. Where a sample of either lead used is not finite, the derived ones are not finite either.

    Source: Einthoven's and Goldberger's definitions, as in the AHA/ACCF/HRS recommendations part I, Kligfield et al.
    2007, https://doi.org/10.1161/CIRCULATIONAHA.106.180200.
    """
    known = [lead for lead in LIMB_LEADS if lead in record.leads]
    absent = tuple(lead for lead in LIMB_LEADS if lead not in record.leads)
    if len(known) < 2 or not absent:
        return record
    pair = known[:2]  # I and II wherever they are there
    of_pair = factors(absent, pair)
    used = record.signal[[record.leads.index(lead) for lead in pair]].astype(np.float64)
    rows = dict(zip(record.leads, record.signal, strict=True))
    rows |= zip(absent, (of_pair @ used).astype(np.float32), strict=True)
    leads = tuple(lead for lead in STANDARD_LEADS if lead in rows)
    meta = record.meta | {"derived": (*record.meta.get("derived", ()), *absent)}
    return replace(record, signal=np.stack([rows[lead] for lead in leads]), leads=leads, meta=meta)


def factors(leads: "list[str] | tuple[str, ...]", pair: "list[str] | tuple[str, ...]") -> np.ndarray:
    """How limb leads follow from two others: `[len(leads), 2]`, to be multiplied with the pair's signals `[2, T]`."""
    rows = [LIMB_LEADS.index(lead) for lead in leads]
    of_pair = _OF_I_AND_II[[LIMB_LEADS.index(lead) for lead in pair]]
    return _OF_I_AND_II[rows] @ np.linalg.inv(of_pair)
