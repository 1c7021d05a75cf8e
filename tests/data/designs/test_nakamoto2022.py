"""Nakamoto's Table 1, recounted."""

import numpy as np
import pytest

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort
from fairseq_signals.data.designs.nakamoto2022 import DOWNSTREAM_SHARE, nakamoto2022

MANIFESTS = {"pretrain", "pretrain_valid", "train", "valid", "test", "train_full", "valid_full"}


@pytest.fixture(scope="module")
def dealt(cohort):
    return nakamoto2022(cohort)


def test_nobody_is_in_two_splits_and_everybody_is_in_one(cohort, dealt, people_of):
    five = [people_of(dealt.manifests[name]) for name in ("pretrain", "pretrain_valid", "train", "valid", "test")]
    assert set(dealt.manifests) == MANIFESTS
    assert sum(map(len, five)) == len(set().union(*five)) == len(set(cohort.patients))


def test_every_case_is_downstream_with_all_known_recordings_and_none_is_pretrained_on(
    dealt, cohort, state_of, people_of
):
    for name in ("pretrain", "pretrain_valid"):
        assert CASE not in {state_of[patient] for patient in people_of(dealt.manifests[name])}
    downstream = np.concatenate([dealt.manifests[name] for name in ("train", "valid", "test")])
    cases = {place for place, state in enumerate(cohort.states) if state == CASE}
    assert cases <= set(downstream.tolist())
    of_cases = {
        place
        for place, patient in enumerate(cohort.patients)
        if state_of[patient] == CASE and cohort.states[place] != UNKNOWN
    }
    assert of_cases <= set(downstream.tolist())
    mixed = [place for place in of_cases if cohort.states[place] == CONTROL]
    assert mixed, "the cohort must have patients of both kinds for this test to say something"


def test_the_shares_of_patients_are_the_published_ones(dealt, state_of, people_of):
    known = sum(state != UNKNOWN for state in state_of.values())
    sizes = {name: len(people_of(dealt.manifests[name])) for name in MANIFESTS}
    assert DOWNSTREAM_SHARE == pytest.approx(4731 / 18919)
    assert sizes["train"] + sizes["valid"] + sizes["test"] == round(known * 4731 / 18919)
    assert sizes["train"] / sizes["test"] == pytest.approx(3347 / 699, rel=0.05)
    assert sizes["pretrain"] / sizes["pretrain_valid"] == pytest.approx(11324 / 2864, rel=0.02)
    cases = {name: sum(state_of[one] == CASE for one in people_of(dealt.manifests[name])) for name in MANIFESTS}
    assert cases["train"] / sum(state == CASE for state in state_of.values()) == pytest.approx(3347 / 4731, abs=0.01)


def test_labels_are_known_wherever_they_are_used_and_the_twins_are_the_unions(cohort, dealt):
    for name in MANIFESTS - {"pretrain", "pretrain_valid"}:
        assert (cohort.states[dealt.manifests[name]] != UNKNOWN).all()
    assert (cohort.states[dealt.manifests["pretrain"]] == UNKNOWN).any()
    for full, unlabelled, labelled in (("train_full", "pretrain", "train"), ("valid_full", "pretrain_valid", "valid")):
        known = [place for place in dealt.manifests[unlabelled] if cohort.states[place] != UNKNOWN]
        assert sorted([*known, *dealt.manifests[labelled]]) == dealt.manifests[full].tolist()


def test_parts_are_of_those_who_are_trained_on(dealt, people_of, state_of):
    trained = people_of(dealt.manifests["train"]) | people_of(dealt.manifests["pretrain"])
    assert set(dealt.parts) == trained and set(dealt.parts.values()) == set(range(1, 9))
    sizes = np.bincount([dealt.parts[one] for one in people_of(dealt.manifests["train"])])[1:]
    assert sizes.max() - sizes.min() <= 2


def test_another_order_of_the_rows_deals_alike(cohort, dealt):
    back = Cohort(cohort.patients[::-1], cohort.states[::-1], cohort.institutions[::-1])
    other, last = nakamoto2022(back), len(cohort.patients) - 1
    assert sorted(last - other.manifests["test"]) == dealt.manifests["test"].tolist()


def test_too_many_cases_and_none_are_refused():
    sick = Cohort([f"p{number}" for number in range(10)], np.array([CASE] * 5 + [CONTROL] * 5), [""] * 10)
    with pytest.raises(ValueError, match=r"room for all cases and some controls, got 0.25 of 10 patients, 5 of them"):
        nakamoto2022(sick)
    well = Cohort(["a", "b"], np.array([CONTROL, UNKNOWN]), ["", ""])
    with pytest.raises(ValueError, match="got 0 with and 1 without"):
        nakamoto2022(well)
