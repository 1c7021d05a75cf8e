"""Sawano's Tables 1, 2 and 4, recounted."""

from itertools import chain

import numpy as np
import pytest

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort
from fairseq_signals.data.designs.sawano2022 import sawano2022


@pytest.fixture(scope="module")
def dealt(cohort):
    return sawano2022(cohort)


def places_of(cohort, institutions, known=True):
    return [
        place
        for place, institution in enumerate(cohort.institutions)
        if institution in institutions and (not known or cohort.states[place] != UNKNOWN)
    ]


def test_a_data_set_is_dealt_out_whole_seventy_to_fifteen_to_fifteen(cohort, dealt, people_of, state_of):
    for number, institutions in ((1, "1"), (2, "123")):
        three = [dealt.manifests[f"{name}{number}"].tolist() for name in ("train", "valid", "test")]
        assert sorted(chain(*three)) == places_of(cohort, institutions)
        people = [people_of(places) for places in three]
        assert len(set().union(*people)) == sum(map(len, people))
        shares = np.array([len(some) for some in people]) / sum(map(len, people))
        np.testing.assert_allclose(shares, [0.7, 0.15, 0.15], atol=0.005)
        cases = np.array([np.mean([state_of[one] == CASE for one in some]) for some in people])
        assert np.ptp(cases) < 0.012


def test_the_pooled_splits_hold_the_splits_of_the_first_institution(dealt):
    for name in ("train", "valid", "test"):
        assert set(dealt.manifests[f"{name}1"]) < set(dealt.manifests[f"{name}2"])


def test_institutions_to_test_on(cohort, dealt):
    for institution in "45":
        assert dealt.manifests[f"institution{institution}"].tolist() == places_of(cohort, institution)
    for institution in "23":
        own = set(places_of(cohort, institution))
        assert set(dealt.manifests[f"institution{institution}"]) == own & set(dealt.manifests["test2"])
        assert set(dealt.manifests[f"institution{institution}_all"]) == own
    assert "institution1" not in dealt.manifests


@pytest.mark.parametrize(("on", "unseen"), [("train", ("valid", "test")), ("train+valid", ("test",)), ("all", ())])
def test_what_is_pretrained_on(cohort, people_of, on, unseen):
    found = sawano2022(cohort, pretrain_on=on).manifests
    for number, institutions in ((1, "1"), (2, "123")):
        seen = people_of(found[f"pretrain{number}"])
        for name in unseen:
            assert not seen & people_of(found[f"{name}{number}"])
        whole = people_of(places_of(cohort, institutions, known=False))
        assert (seen == whole) == (on == "all")
        assert (cohort.states[found[f"pretrain{number}"]] == UNKNOWN).any()
        assert not seen & people_of(found["institution4"])


def test_labels_are_known_wherever_they_are_used(cohort, dealt):
    for name, places in dealt.manifests.items():
        if not name.startswith("pretrain"):
            assert (cohort.states[places] != UNKNOWN).all(), name


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"dataset1": "9"}, "institutions must be among 1, 2, 3, 4, 5, got 9"),
        ({"dataset2": ("2", "3")}, "dataset2 must name different institutions, 1 among them, got 2, 3"),
        ({"pretrain_on": "test"}, "what is pre-trained on must be train, train\\+valid, all, got 'test'"),
    ],
)
def test_data_sets_that_cannot_be_are_refused(cohort, choice, message):
    with pytest.raises(ValueError, match=message):
        sawano2022(cohort, **choice)


def test_a_patient_of_two_institutions_is_refused():
    both = Cohort(["p", "p", "q", "r"], np.array([CASE, CONTROL, CASE, CONTROL]), ["1", "2", "3", "2"])
    with pytest.raises(
        ValueError, match=r"a patient must be of one institution, got 'p' in '1' \(row 0\) and in '2' \("
    ):
        sawano2022(both)
    ids = [f"e{number}" for number in range(9)]
    patients = ["q", "p", "p", "p", "p", "p", "q", "q", "r"]
    many = Cohort(patients, np.array([CASE] * 9), ["1", "2", "2", "2", "2", "3", "3", "1", "2"], ids)
    told = (
        r"got 'q' in '1' \(e0, e7\) and in '3' \(e6\), and 1 more such patients: .* Prepare again from a table without"
    )
    with pytest.raises(ValueError, match=told):
        sawano2022(many)
    long = r"got 'p' in '2' \(e1, e2, e3, …\) and in '3' \(e5\): the same person"
    with pytest.raises(ValueError, match=long):
        _ = Cohort(patients[1:6], np.array([CASE] * 5), ["2", "2", "2", "2", "3"], ids[1:6]).homes
