"""Recordings that hold the same signal under several names."""

from collections.abc import Sequence

from fairseq_signals.data.checks.verdict import Verdict
from fairseq_signals.data.item import Packed
from fairseq_signals.data.patients import patient_known


def judge_duplicates(packed: Sequence[Packed]) -> Verdict:
    """A warning for each recording whose signal an earlier one has; those of other patients are counted apart.

    Where neither the source nor the file tells the patient, a recording counts as another patient's.
    """
    first: dict[str, Packed] = {}
    warnings, apart = {}, 0
    for one in packed:
        earlier = first.setdefault(one.digest, one)
        if earlier is one:
            continue
        patients = [patient_known(each) for each in (earlier, one)]
        apart += None in patients or patients[0] != patients[1]
        differ = None not in patients and patients[0] != patients[1]
        told = f", which is of patient {patients[0]} and not {patients[1]}" if differ else ""
        warnings[one.item.id] = [f"holds the same signal as {earlier.item.id}{told}"]
    if not warnings:
        return Verdict()
    lines = [f"recordings that hold the signal of an earlier one of another or an unknown patient: {apart:,}"]
    card = {"same signal as another's": apart} if apart else {}
    return Verdict(warnings=warnings, card=card, lines=lines if apart else [])
