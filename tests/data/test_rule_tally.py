import pytest

from fairseq_signals.data.number_rules import parse_rule
from fairseq_signals.data.rule_tally import Rules


def test_what_is_no_number_is_unknown_and_never_negative():
    rules = Rules([parse_rule("lvsd: ef <= 40"), parse_rule("mid: ef between 41 and 49")], {"ef": [-1.0]})
    cells = ["30", "45", "60", "", "35,5", "nan", "-1", "-1.0", "40"]
    assert [rules.of({"ef": cell, "other": "x"}) for cell in cells] == [
        (("lvsd",), ()),
        (("mid",), ()),
        ((), ()),
        *[((), ("lvsd", "mid"))] * 5,
        (("lvsd",), ()),
    ]
    assert rules.lines() == [
        "ef: from 30 to 60; unknown: 1 empty, 2 missing, 2 that are no numbers (such as '35,5', 'nan'); "
        "lvsd 2 positive, 2 negative; mid 1 positive, 3 negative",
    ]


def test_a_column_without_any_number_is_refused():
    rules = Rules([parse_rule("lvsd: ef <= 40")])
    rules.of({"ef": "35,5"})
    with pytest.raises(ValueError, match=r"column ef must hold numbers, got none; unknown: .*such as '35,5'"):
        rules.lines()
    with pytest.raises(ValueError, match="classes must differ in name, got a, a"):
        Rules([parse_rule("a: x < 1"), parse_rule("a: y < 1")])


def test_a_number_that_may_stand_for_a_missing_one_is_said_until_it_is_told():
    cells = [{"ef": text} for text in (*map(str, range(30, 70)), "-1", "-1")]
    rule = parse_rule("lvsd: ef <= 40")
    for missing, number in ({}, 2), ({"ef": [-1]}, 0):
        rules = Rules([rule], missing)
        for row in cells:
            rules.of(row)
        assert len(rules.doubts()) == number
