"""Ids that may be one person's are told, and nothing is concluded from them."""

import unicodedata

import pytest

from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.manifest import Manifest


@pytest.fixture
def lists(prepared, made, plan, tmp_path):
    """`lists(first, second, …)`: the checks of a combination of two parts with these patients, two recordings each."""

    def make(first, second, sources=("H", "H"), columns=("", "")):
        parts = [
            prepared(
                name, [made(f"{n}{k}", p, source=column) for n, p in enumerate(patients) for k in "ab"], source=one
            )
            for name, patients, one, column in zip("ab", (first, second), sources, columns, strict=True)
        ]
        card = combine(plan(*parts), tmp_path / "all")
        patients = set(Manifest(tmp_path / "all" / "train.tsv").column("patient"))
        return card["checks"], patients

    return make


@pytest.mark.parametrize(
    ("one", "other"),
    [("ab7", "AB7"), ("17", "17.0"), ("17", "0017"), ("M\u00fcller", unicodedata.normalize("NFD", "M\u00fcller"))],
)
def test_spellings_across_parts_of_one_namespace_are_told_and_not_joined(lists, one, other):
    (line,), patients = lists([one, "x"], [other, "y"])
    assert line.startswith(
        "1 patients of h may be one person under several spellings, which count as different people: "
    )
    assert repr(one) in line and repr(other) in line
    assert patients == {f"h/{one}", f"h/{other}", "h/x", "h/y"}


def test_spellings_within_a_part_count_and_those_of_another_namespace_do_not(lists):
    checks, _ = lists(["a1", "A1", "b2", "B2"], ["x"])
    assert len(checks) == 1 and checks[0].startswith("2 patients of h ") and "'A1' and 'a1'; 'B2' and 'b2'" in checks[0]


def test_spellings_in_two_namespaces_are_two_people(lists):
    assert lists(["a1", "b"], ["A1", "c"], sources=("H", "other"))[0] == []


TEN = [f"P{n}" for n in range(10)]


@pytest.mark.parametrize(
    ("sources", "columns", "spaces"),
    [
        (("hospital A", "hospital A"), ("2019", "2020"), ("2019", "2020")),
        (("hospital A", "hospital A"), ("", "ICU"), ("hospitala", "icu")),
        (("Hospital A", "hospital-A (2020)"), ("", ""), ("hospitala", "hospitala2020")),
        (("north 2019", "North (2020) ward"), ("", ""), ("north2019", "north2020ward")),
    ],
)
def test_the_same_ids_in_two_namespaces_of_one_hospital_are_told(lists, sources, columns, spaces):
    checks, patients = lists(TEN, [*TEN[4:], "Q"], sources, columns)
    assert checks == [
        f"6 bare patient ids are the same in {spaces[0]} and {spaces[1]}, which count as different people (the same "
        f":namespace=… for both joins them)"
    ]
    assert len(patients) == 17, "said, and nothing else"


@pytest.mark.parametrize(
    ("second", "sources", "columns"),
    [
        (TEN, ("hospital A", "clinic B"), ("", "")),
        (TEN, ("PTB", "PTB-XL"), ("", "")),
        (TEN[:5], ("hospital A", "hospital A"), ("2019", "2020")),
        ([*TEN[:6], *(f"Q{n}" for n in range(40))], ("hospital A", "hospital A"), ("2019", "2020")),
    ],
)
def test_other_hospitals_and_a_few_common_ids_are_nothing_to_say(lists, second, sources, columns):
    first = TEN if len(second) < 40 else [*TEN, *(f"R{n}" for n in range(30))]
    assert lists(first, second, sources, columns)[0] == []


def test_ids_of_recordings_are_no_patients(prepared, made, plan, tmp_path):
    names = [f"r{n}" for n in range(10)]
    parts = [prepared(one, [made(n, n, source=one) for n in names], source="H") for one in ("ab", "cd")]
    assert combine(plan(*parts), tmp_path / "all")["checks"] == []


def test_people_are_told_that_copies_are_found_at_equal_rates_only(prepared, made, plan, tmp_path, capsys):
    one, two = prepared("one", [made("a", "1"), made("b", "1")]), prepared("two", [made("c", "2"), made("d", "2")])
    combine(plan(one, two), tmp_path / "all")
    assert "copies were found by equal waveforms at equal recorded rates" in capsys.readouterr().out
    combine(plan(one), tmp_path / "one_alone")
    assert "copies were found" not in capsys.readouterr().out
