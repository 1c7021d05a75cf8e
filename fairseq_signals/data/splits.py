"""Who is trained on and who is tested on: splits by patient, stratified by label, independent of the rows' order.

Every choice is keyed by (seed, patient): equal input gives equal splits, whatever the order of the rows and the
number of processes.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

from fairseq_signals.data.keys import keyed_seed
from fairseq_signals.data.row import Row

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
_REPEATED = ("has several recordings",)  # a tuple, so that no source's code can be the same


def split_patients(
    patients: Sequence[str],
    labels: Sequence[Iterable[str]],
    shares: Mapping[str, float] = SHARES,
    seed: int = 1,
) -> dict[str, str]:
    """The split of each patient, such that each label is shared out as all recordings are.

    Iterative stratification (Sechidis et al. 2011, "On the Stratification of Multi-label Data", algorithm 1):
    labels are dealt out from the rarest to the most frequent, each patient to the split that still lacks most of
    that label.

    Args:
        patients: patient of each of `N` recordings (the recording's id where no patient is known).
        labels: codes that apply to each recording.
        shares: fraction of the recordings by name of the split; they add up to 1.
        seed: another seed gives another split.

    Differs: whole patients are dealt out, counted by their recordings; having several recordings counts as a
    label, so that each split gets its share of the patients that can be identified; ties are decided by a hash
    of seed and patient instead of a generator.

    Raises:
        ValueError: shares do not add up to 1, or patients and labels differ in number.
    """
    if any(share < 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"shares must not be negative and add up to 1, got {dict(shares)}")
    if len(patients) != len(labels):
        raise ValueError(f"labels must be one set for each of {len(patients)} patients, got {len(labels)}")
    recordings = Counter(patients)
    counts: dict[str, Counter[Hashable]] = {patient: Counter() for patient in recordings}
    for patient, codes in zip(patients, labels, strict=True):
        counts[patient].update(set(codes))
    for patient, number in recordings.items():
        counts[patient].update({_REPEATED: number} if number > 1 else {})
    return _deal(recordings, counts, shares, seed)


def _deal(
    recordings: Counter[str], counts: Mapping[str, Counter[Hashable]], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    order = sorted(recordings, key=lambda patient: (keyed_seed(seed, "order", patient), patient))
    carriers: dict[Hashable, list[str]] = defaultdict(list)  # patients with each label, in that order
    totals: Counter[Hashable] = Counter()
    for patient in order:
        totals.update(counts[patient])
        for label in counts[patient]:
            carriers[label].append(patient)
    lacking = {label: {name: share * total for name, share in shares.items()} for label, total in totals.items()}
    lacking[None] = {name: share * recordings.total() for name, share in shares.items()}  # of all recordings
    left = {label: len(carriers[label]) for label in carriers}
    split: dict[str, str] = {}

    def deal(patient: str, label: Hashable) -> None:
        def need(name: str) -> tuple:
            return round(lacking[label][name], 6), round(lacking[None][name], 6), keyed_seed(seed, name, patient)

        split[patient] = chosen = max(shares, key=need)
        lacking[None][chosen] -= recordings[patient]
        for other, number in counts[patient].items():
            lacking[other][chosen] -= number
            left[other] -= 1

    while remaining := [label for label in left if left[label]]:
        rarest = min(remaining, key=lambda label: (left[label], str(label)))
        for patient in carriers[rarest]:
            if patient not in split:
                deal(patient, rarest)
    for patient in order:
        if patient not in split:
            deal(patient, None)
    return split


def check_disjoint(splits: Mapping[str, Sequence[Row]]) -> None:
    """Makes sure that no recording and no patient is in two of these lists of rows.

    Raises:
        ValueError: names the recording or patient and both splits.
    """
    for what in ("id", "patient"):
        home: dict[str, str] = {}
        for name, rows in splits.items():
            for row in rows:
                other = home.setdefault(getattr(row, what), name)
                if other != name:
                    thing = "recording" if what == "id" else "patient"
                    raise ValueError(
                        f"{thing} must be in one split only, got {getattr(row, what)!r} in {other} and in {name} "
                        f"(recording {row.id!r})"
                    )


def joined_by_signal(patients: Sequence[str], digests: Sequence[str]) -> list[str]:
    """Patients with those made one who share a recording of the same samples, as happens under two names.

    Args:
        patients: patient of each of `N` recordings.
        digests: of the samples of each recording.

    Returns:
        `N` names of groups, each that of one of its patients.
    """
    group = {patient: patient for patient in patients}

    def root(patient: str) -> str:
        while group[patient] != patient:
            patient = group[patient]
        return patient

    first: dict[str, str] = {}
    for patient, digest in zip(patients, digests, strict=True):
        one, other = sorted((root(first.setdefault(digest, patient)), root(patient)))
        group[other] = one
    return [root(patient) for patient in patients]
