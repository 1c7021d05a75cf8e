"""The splits of Sawano et al. 2022 (Tables 1, 2 and 4): one institution, three pooled, the others external.

Published, in patients of institution 1: 16,187 for training, 3,478 for validation, 3,489 for the test, which is 70, 15
and 15 %; cases are 8 % of each, so that they look stratified, and here they are: cases, controls and patients of
unknown state of each institution are dealt out apart. Dataset2 is the union of the splits of institutions 1 to 3
(Table 4 adds up to Table 2).

Differs: the paper pre-trains on "all ECG data" of a data set, which is with the unlabelled recordings of its test
split. That lets the encoder see the test's signals before; here it is `pretrain_on="all"`, and by default the encoder
sees training and validation patients (`train+valid`), or training patients alone (`train`). The paper tests models of
Dataset1 on institutions 2 and 3 also after pre-training on Dataset2, which had seen all of their signals; here
`institution2` and `institution3` are the test splits of these institutions, unseen by every model unless all is
pre-trained on; `institution2_all` is the whole institution, for models that never saw Dataset2.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort, Dealt
from fairseq_signals.data.designs.dealing import deal, parts_of

SHARES = {"train": 0.70, "valid": 0.15, "test": 0.15}
PRETRAIN_ON = {"train": ("train",), "train+valid": ("train", "valid"), "all": ("train", "valid", "test")}


def sawano2022(
    cohort: Cohort,
    seed: int = 1,
    parts: int = 8,
    dataset1: str = "1",
    dataset2: Sequence[str] = ("1", "2", "3"),
    shares: Mapping[str, float] = SHARES,
    pretrain_on: str = "train+valid",
) -> Dealt:
    """The manifests, and the part of each patient who is trained on.

    `train1`, `valid1` and `test1` are of the first data set, `train2`, `valid2` and `test2` of the second, all with
    recordings of known state alone; `pretrain1` and `pretrain2` are what may be pre-trained on, with those of unknown
    state; `institutionX` is a cohort for testing, see above.

    Args:
        cohort: recordings.
        seed: another seed gives another split.
        parts: into how many equal parts the training patients of each institution are dealt.
        dataset1: the institution of the first data set.
        dataset2: those of the second, the first among them.
        shares: of train, valid and test, by patients.
        pretrain_on: of which splits `pretrain1` and `pretrain2` are: a key of `PRETRAIN_ON`.

    Raises:
        ValueError: an institution is not there, is none of the data set it should be in, or a patient is of two.
    """
    known = sorted(set(cohort.institutions), key=_natural)
    _check(known, dataset1, dataset2, pretrain_on)
    people, strata = _deal(cohort, dataset2, shares, seed)
    manifests: dict[str, np.ndarray] = {}
    for number, members in ((1, (dataset1,)), (2, tuple(dataset2))):
        splits = {name: [one for member in members for one in people[member][name]] for name in SHARES}
        seen = [one for name in PRETRAIN_ON[pretrain_on] for one in splits[name]]
        manifests[f"pretrain{number}"] = cohort.rows(seen, known=False)
        manifests |= {f"{name}{number}": cohort.rows(splits[name], known=True) for name in SHARES}
    for member in known:
        everybody = [patient for patient, home in cohort.homes.items() if home == member]
        name = f"institution{member}"
        if member not in dataset2:
            manifests[name] = cohort.rows(everybody, known=True)
        elif member != dataset1:
            manifests[name] = cohort.rows(people[member]["test"], known=True)
            manifests[f"{name}_all"] = cohort.rows(everybody, known=True)
    return Dealt(manifests, parts_of(strata, parts, seed), _apart(manifests, dataset2, pretrain_on))


def _deal(
    cohort: Cohort, institutions: Sequence[str], shares: Mapping[str, float], seed: int
) -> tuple[dict[str, dict[str, list[str]]], list[list[str]]]:
    """Patients by institution and split, and those of the training splits by institution and state."""
    people, strata = {}, []
    for member in institutions:
        mine = [patient for patient, home in cohort.homes.items() if home == member]
        of_state = [
            deal([one for one in mine if cohort.people[one] == state], shares, seed, f"splits of {member}")
            for state in (CASE, CONTROL, UNKNOWN)
        ]
        people[member] = {name: [one for dealt in of_state for one in dealt[name]] for name in shares}
        strata += [dealt["train"] for dealt in of_state]
    return people, strata


def _apart(manifests: Mapping[str, np.ndarray], dataset2: Sequence[str], pretrain_on: str) -> list[tuple[str, ...]]:
    external = [name for name in manifests if name.startswith("institution") and not name.endswith("_all")]
    outside = [name for name in external if name.removeprefix("institution") not in dataset2]
    groups = [("train1", "valid1", "test1", *external), ("train2", "valid2", "test2", *outside)]
    seen = {"train": ("valid1", "test1"), "train+valid": ("test1",), "all": ()}[pretrain_on]
    groups += [("pretrain1", *seen, *external)]
    unseen = [name.replace("1", "2") for name in seen]
    groups += [("pretrain2", *unseen, *outside)]
    if pretrain_on != "all":
        groups += [("pretrain2", name) for name in external]
    return groups


def _check(known: Sequence[str], dataset1: str, dataset2: Sequence[str], pretrain_on: str) -> None:
    wanted = (dataset1, *dataset2)
    strangers = [member for member in wanted if member not in known]
    if strangers:
        raise ValueError(f"institutions must be among {', '.join(known)}, got {', '.join(strangers)}")
    if dataset1 not in dataset2 or len(set(dataset2)) != len(dataset2):
        raise ValueError(f"dataset2 must name different institutions, {dataset1} among them, got {', '.join(dataset2)}")
    odd = [member for member in known if not re.fullmatch(r"[A-Za-z0-9-]+", member)]
    if odd:
        raise ValueError(f"institutions must be named by letters, digits and hyphens, got {odd[0]!r}")
    if pretrain_on not in PRETRAIN_ON:
        raise ValueError(f"what is pre-trained on must be {', '.join(PRETRAIN_ON)}, got {pretrain_on!r}")


def _natural(name: str) -> tuple:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
