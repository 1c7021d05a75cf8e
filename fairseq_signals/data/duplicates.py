"""Recordings that hold the same signal under several names."""

from collections.abc import Sequence

from fairseq_signals.data.item import Packed
from fairseq_signals.data.verdict import Verdict


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
        patients = [each.item.patient or each.patient for each in (earlier, one)]
        apart += None in patients or patients[0] != patients[1]
        differ = None not in patients and patients[0] != patients[1]
        told = f", which is of patient {patients[0]} and not {patients[1]}" if differ else ""
        warnings[one.item.id] = [f"holds the same signal as {earlier.item.id}{told}"]
    if not warnings:
        return Verdict()
    line = f"{len(warnings):,} recordings hold the signal of an earlier one, {apart:,} of them not known to be of the same patient"  # fmt: skip  # noqa: E501
    card = {"signal of an earlier recording": len(warnings), "of these not of the same patient": apart}
    return Verdict(warnings=warnings, card=card, lines=[line])
