"""Patients dealt out by shares: counts by hand, and no dependence on order or company."""

from itertools import chain

import pytest

from fairseq_signals.data.designs.dealing import deal, parts_of, shuffled

PEOPLE = [f"p{number}" for number in range(200)]


def test_shares_are_met_to_the_nearest_patient_and_nobody_is_lost():
    dealt = deal(PEOPLE, {"a": 70.0, "b": 15.0, "c": 15.0}, 1, "x")
    assert [len(dealt[name]) for name in "abc"] == [140, 30, 30]
    assert sorted(chain(*dealt.values())) == sorted(PEOPLE)
    assert [len(some) for some in deal(PEOPLE[:3], {"a": 1, "b": 1}, 1, "x").values()] in ([1, 2], [2, 1])


def test_the_order_of_rows_does_not_matter_and_another_seed_or_purpose_does():
    shares = {"a": 0.5, "b": 0.5}
    assert deal(PEOPLE, shares, 1, "x") == deal(reversed(PEOPLE), shares, 1, "x")
    assert shuffled(PEOPLE, 1, "x") != shuffled(PEOPLE, 2, "x") != shuffled(PEOPLE, 2, "y")
    kept = [one for one in shuffled(PEOPLE, 1, "x") if one != "p7"]
    assert kept == shuffled([one for one in PEOPLE if one != "p7"], 1, "x")


@pytest.mark.parametrize("shares", [{"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="shares must not be negative, and one must be positive"):
        deal(PEOPLE, shares, 1, "x")


def test_parts_take_their_share_of_every_stratum():
    cases, controls = PEOPLE[:40], PEOPLE[40:]
    parts = parts_of([cases, controls], 8, 1)
    for part in range(1, 9):
        mine = {patient for patient, number in parts.items() if number == part}
        assert (len(mine & set(cases)), len(mine & set(controls))) == (5, 20)
