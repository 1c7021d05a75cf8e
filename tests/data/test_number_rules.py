import pytest

from fairseq_signals.data.number_rules import Rule, class_names, is_rule, number_of, parse_rule


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


def test_numbers_that_stand_for_a_missing_one_are_told_at_the_end():
    assert parse_rule("lvsd: ef < 40 missing -1 and 999") == Rule("lvsd", "ef", "<", (40.0,), (-1.0, 999.0))
    between = parse_rule("mid: ef between 41 and 49 missing 0")
    assert (between.numbers, between.missing) == ((41.0, 49.0), (0.0,))
    for text in ("lvsd: ef < 40 missing", "lvsd: ef < 40 missing none", "lvsd: ef < 40 missing -1, 999"):
        with pytest.raises(ValueError, match="numbers that stand for a missing one follow"):
            parse_rule(text)


def test_codes_are_no_rules_and_what_is_meant_as_one_is():
    for code in ("426783006", "MI", "MI:old", "733534002|164909002", "ST-T (V1)"):
        assert not is_rule(code), code
    for text in ("lvsd: ef < 40", "lvsd:ef<40", "lvsd: ef", "lvsd:ef=40", "m:ef between 4 and 5"):
        assert is_rule(text), text


def test_a_class_is_called_by_what_stands_before_the_colon():
    assert class_names(["MI", "lvsd: ef < 40", "low:ef<35"]) == ["MI", "lvsd", "low"]
    with pytest.raises(ValueError, match="classes must differ in name, got lvsd, lvsd"):
        class_names(["lvsd: ef < 40", "lvsd: ef < 35"])
    with pytest.raises(ValueError, match="rule must be NAME: COLUMN OPERATOR NUMBER"):
        class_names(["lvsd: ef"])
