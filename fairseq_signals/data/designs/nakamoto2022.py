"""The splits of Nakamoto et al. 2022 (Table 1, Table 3): pre-training on no known case, all cases downstream.

Published, in patients: train1 11,324 and valid1 2,864 for pre-training, without a case; train2 3,347, valid2 685 and
test 699 with every case. A quarter of the patients is downstream (4,731 of 18,919).

Differs: the paper does not say how the negative downstream patients were chosen or whether splits are stratified. Here
negatives are drawn at random until a quarter of the patients of known state is downstream, and cases and controls are
dealt out apart, so that every split has its share of both. A patient with recordings of both kinds is downstream with
all recordings, each under its own label. Patients of unknown state, who are not in the paper, are pre-trained on, as
no label is needed for that; a recording of unknown state of any other patient is pre-trained on if the patient is,
and otherwise left out.
"""

from collections.abc import Mapping

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort, Dealt
from fairseq_signals.data.designs.dealing import deal, parts_of

PRETRAINING = {"train1": 11324.0, "valid1": 2864.0}
DOWNSTREAM = {"train2": 3347.0, "valid2": 685.0, "test": 699.0}
DOWNSTREAM_SHARE = sum(DOWNSTREAM.values()) / (sum(DOWNSTREAM.values()) + sum(PRETRAINING.values()))


def nakamoto2022(
    cohort: Cohort,
    seed: int = 1,
    parts: int = 8,
    pretraining: Mapping[str, float] = PRETRAINING,
    downstream: Mapping[str, float] = DOWNSTREAM,
    downstream_share: float = DOWNSTREAM_SHARE,
) -> Dealt:
    """The manifests, and the part of each patient who is trained on.

    `pretrain` and `pretrain_valid` are the paper's train1 and valid1, with recordings of unknown state; `train`,
    `valid` and `test` its train2, valid2 and test; `train_full` and `valid_full`, for the twin with all labels, are
    train1 + train2 and valid1 + valid2 as far as the state is known.

    Args:
        cohort: recordings; institutions do not matter.
        seed: another seed gives another split.
        parts: into how many equal parts the patients of `train_full` are dealt.
        pretraining: shares of train1 and valid1, by patients.
        downstream: shares of train2, valid2 and test, by patients.
        downstream_share: of the patients of known state.

    Raises:
        ValueError: there are no cases or no controls, or more cases than the downstream share has room for.
    """
    cases, controls, unknown = (
        [patient for patient, state in cohort.people.items() if state == wanted] for wanted in (CASE, CONTROL, UNKNOWN)
    )
    drawn = deal(controls, _room(len(cases), len(controls), downstream_share), seed, "downstream")
    of_cases, of_controls = (deal(some, downstream, seed, "splits") for some in (cases, drawn["downstream"]))
    silent = [deal(some, pretraining, seed, "pretraining") for some in (drawn["pretraining"], unknown)]
    people = {name: of_cases[name] + of_controls[name] for name in downstream}
    people |= {name: [patient for one in silent for patient in one[name]] for name in pretraining}
    manifests = {
        "pretrain": cohort.rows(people["train1"], known=False),
        "pretrain_valid": cohort.rows(people["valid1"], known=False),
        "train": cohort.rows(people["train2"], known=True),
        "valid": cohort.rows(people["valid2"], known=True),
        "test": cohort.rows(people["test"], known=True),
        "train_full": cohort.rows(people["train1"] + people["train2"], known=True),
        "valid_full": cohort.rows(people["valid1"] + people["valid2"], known=True),
    }
    strata = of_cases["train2"], of_controls["train2"], *(one["train1"] for one in silent)
    apart = ("pretrain", "pretrain_valid", "train", "valid", "test"), ("train_full", "valid_full", "test")
    return Dealt(manifests, parts_of(strata, parts, seed), apart)


def _room(cases: int, controls: int, share: float) -> dict[str, float]:
    """How many controls are downstream and in pre-training."""
    wanted = round(share * (cases + controls))
    if not cases or not controls:
        raise ValueError(f"there must be patients with and without the case, got {cases} with and {controls} without")
    if not cases < wanted < cases + controls:
        raise ValueError(
            f"downstream share must have room for all cases and some controls, got {share:.3g} of {cases + controls} "
            f"patients, {cases} of them cases (--downstream-share)"
        )
    return {"downstream": float(wanted - cases), "pretraining": float(controls + cases - wanted)}
