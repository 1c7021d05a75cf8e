import pytest

from manifests.details.number_rules import Rule, Rules, number_of, parse_rule


@pytest.mark.parametrize(
    ("text", "rule", "inside", "outside"),
    [
        ("lvsd: ef <= 40", Rule("lvsd", "ef", "<=", (40.0,)), [40, -1, 39.9], [40.1, 90]),
        ("low:ef<40", Rule("low", "ef", "<", (40.0,)), [39.9], [40]),
        (" a : LV EF (%) >= 4e1 ", Rule("a", "LV EF (%)", ">=", (40.0,)), [40], [39.9]),
        ("high: k > 5.5", Rule("high", "k", ">", (5.5,)), [5.51], [5.5]),
        ("dead: death == 1", Rule("dead", "death", "==", (1.0,)), [1], [0, 2]),
        ("mid: ef between 41 and 49", Rule("mid", "ef", "between", (41.0, 49.0)), [41, 45, 49], [40.9, 49.1]),
        ("cold: t between -.5 and .5", Rule("cold", "t", "between", (-0.5, 0.5)), [-0.5, 0.5], [0.6]),
    ],
)
def test_rules_say_what_they_look_like(text, rule, inside, outside):
    assert parse_rule(text) == rule
    assert all(rule.applies(value) for value in inside) and not any(rule.applies(value) for value in outside)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ef <= 40",
        "lvsd: ef",
        "lvsd: ef =< forty",
        "lvsd: ef <= 40 %",
        "lvsd: ef <= 40,5",
        "lvsd: ef <= nan",
        "lvsd: ef between 40",
        "lvsd: ef between 40 and 50 and 60",
        "two words: ef < 40",
        "a,b: ef < 40",
        "?a: ef < 40",
        "-: ef < 40",
        "lvsd: ef <= __import__('os').getpid()",
        "lvsd: ef <= 1e999",
    ],
)
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match=r"rule must be NAME: COLUMN OPERATOR NUMBER .*such as 'lvsd: ef <= 40'"):
        parse_rule(text)


def test_numbers_of_between_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="numbers of between must be in ascending order"):
        parse_rule("mid: ef between 49 and 41")


def test_only_digits_are_a_number():
    assert [number_of(cell) for cell in (" 35.5 ", "+1", "-2.", ".5", "1E2")] == [35.5, 1, -2, 0.5, 100]
    for cell in ("", " ", "35,5", "35 %", "nan", "inf", "1_0", "٤٠", "0x10", "<40", "1e999", "True", "n/a"):
        assert number_of(cell) is None, cell


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
    for missing, number in ({}, 3), ({"ef": [-1]}, 1):
        rules = Rules([rule], missing)
        for row in cells:
            rules.of(row)
        assert len(rules.lines()) == number
