"""Who is who: one person under several spellings, many under one name, files that know another patient."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from fairseq_signals.data.checks.verdict import Verdict
from fairseq_signals.data.item import Packed
from fairseq_signals.data.patients import patient_known

_MANY, _SHARE = 100, 0.05  # recordings of one patient that are worth a line: at least so many, and so large a share


def spellings(patients: Iterable[str]) -> dict[str, list[str]]:
    """Patient ids that may be one person's, by what they have in common; those spelled in one way are left out.

    Compared are the letters whatever their case and composition (NFKC), numbers without leading zeros and `.0`.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for patient in patients:
        found[_common(patient)].add(patient)
    return {common: sorted(several) for common, several in found.items() if len(several) > 1}


def judge_people(packed: Sequence[Packed]) -> Verdict:
    """Lines on patients that look like one person or like many, and a warning where file and source disagree."""
    known = Counter(patient for one in packed if (patient := patient_known(one)))
    several = spellings(known)
    lines = []
    if several:
        example = " and ".join(map(repr, next(iter(several.values()))))
        lines.append(f"PATIENTS: {len(several)} may be one person under several spellings, such as {example}")
    for patient, number in known.most_common(3):
        if number >= _MANY and number > _SHARE * len(packed):
            lines.append(f"PATIENTS: {number:,} of {len(packed):,} recordings are of patient {patient!r}: one person?")
    warnings, split = _disagreeing(packed)
    if split:
        lines.append(f"PATIENTS: {split} patients of the files have several ids in the source, which may tell visits")
    return Verdict(warnings=warnings, lines=lines)


def _common(patient: str) -> str:
    text = unicodedata.normalize("NFKC", patient).casefold().strip()
    text = text.removesuffix(".0") if text.removesuffix(".0").isdecimal() else text
    return (text.lstrip("0") or "0") if text.isdecimal() else text


def _disagreeing(packed: Sequence[Packed]) -> tuple[dict[str, list[str]], int]:
    """Warnings for files whose patient the source calls by several ids, and how many such patients there are."""
    ids: dict[str, set[str]] = defaultdict(set)
    for one in packed:
        if one.patient and one.item.patient:
            ids[one.patient].add(one.item.patient)
    warnings = {
        one.item.id: [f"the file's patient {one.patient} has several ids in the source, here {one.item.patient}"]
        for one in packed
        if one.patient and one.item.patient and len(ids[one.patient]) > 1
    }
    return warnings, sum(len(several) > 1 for several in ids.values())
