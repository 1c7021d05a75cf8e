import unicodedata

import pytest

from fairseq_signals.data.checks.people import judge_people, spellings
from fairseq_signals.data.item import Item, Packed


def _packed(number, patient=None, file_patient=None):
    item = Item(f"r{number}.hea", f"r{number}", patient)
    return Packed(item, f"s:{number}", 100, 100.0, ("I",), file_patient, (), {}, f"{number:016x}")


@pytest.mark.parametrize(
    "pair",
    [("7", "7.0"), ("7", "007"), ("ab1", "AB1"), ("Müller", unicodedata.normalize("NFD", "Müller")), ("x ", "x")],
)
def test_one_person_under_two_spellings_is_named(pair):
    assert sorted(pair) in list(spellings([*pair, "other"]).values())
    lines = judge_people([_packed(0, pair[0]), _packed(1, pair[1]), _packed(2, "other")]).lines
    assert len(lines) == 1 and "1 may be one person under several spellings" in lines[0] and repr(pair[0]) in lines[0]


@pytest.mark.parametrize("ids", [["1", "10", "100"], ["P1", "P10", "P01"], ["0", "00000001"], ["1.5", "1.50"], []])
def test_different_people_are_left_alone(ids):
    assert spellings(ids) == {}


def test_one_patient_with_a_large_share_of_all_is_doubted():
    many = [_packed(n, "nan") for n in range(120)]
    assert "120 of 1,000 recordings are of patient 'nan'" in judge_people([*many, *(_packed(n, str(n)) for n in range(200, 1080))]).lines[0]  # fmt: skip  # noqa: E501
    assert judge_people([*many[:99], *(_packed(n, str(n)) for n in range(200, 210))]).lines == []
    assert judge_people([*many, *(_packed(n, str(n)) for n in range(200, 5000))]).lines == []


def test_visits_taken_for_people_are_found_by_what_the_files_know():
    packed = [_packed(n, f"visit{n}", f"person{n // 2}") for n in range(6)] + [_packed(9, "visit9", "person9")]
    verdict = judge_people(packed)
    assert set(verdict.warnings) == {f"r{n}" for n in range(6)}
    assert "3 patients of the files have several ids in the source" in verdict.lines[0]
    assert judge_people([_packed(n, "one", f"p{n}") for n in range(4)]).lines == []
