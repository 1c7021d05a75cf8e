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
        "ef: from 30 to 60; unknown: 1 empty, 2 missing, 0 implausible, 2 that are no numbers (such as '35,5', 'nan'); "
        "lvsd 2 positive, 2 negative; mid 1 positive, 3 negative",
    ]


def test_a_column_without_any_number_is_refused():
    rules = Rules([parse_rule("lvsd: ef <= 40")])
    rules.of({"ef": "35,5"})
    with pytest.raises(ValueError, match=r"column ef must hold numbers, got none; unknown: .*such as '35,5'"):
        rules.lines()
    with pytest.raises(ValueError, match="classes must differ in name, got a, a"):
        Rules([parse_rule("a: x < 1"), parse_rule("a: y < 1")])


@pytest.mark.parametrize(("column", "doubts"), [("ef", 1), ("potassium", 1), ("ef_days", 1)])
def test_a_number_that_may_stand_for_a_missing_one_is_said_until_it_is_told(column, doubts):
    cells = [*map(str, range(30, 70)), "-1", "-1"]
    rule = parse_rule(f"low: {column} <= 40")
    for missing, number in ({}, doubts), ({column: [-1]}, 0):
        rules = Rules([rule], missing)
        for cell in cells:
            rules.of({column: cell})
        assert len(rules.doubts()) == number
        positive = rules.tallies[column].positive["low"]
        assert positive == 11 + 2 * (number and column != "ef"), "what no ejection fraction can have is no case"
    assert rules.is_missing(column, "-1.0") and not rules.is_missing(column, "") and not rules.is_missing("k", "-1")


def of(rule, cells):
    rules = Rules([parse_rule(rule)])
    for cell in cells:
        rules.of({rules.columns[0]: cell})
    return rules


@pytest.mark.parametrize("stand_in", ["0", "-1", "-99", "250", "999", "0.35", "4.9", "90.1"])
def test_what_no_ejection_fraction_can_be_is_unknown_counted_and_said(stand_in):
    rules = of("lvsd: ef < 40", ["30", "60", stand_in, "5", "90"])
    tally = rules.tallies["ef"]
    assert (tally.positive["lvsd"], tally.negative["lvsd"]) == (2, 2) and tally.implausible == {float(stand_in): 1}
    assert rules.of({"ef": stand_in}) == ((), ("lvsd",))
    assert rules.doubts()[0].startswith("ef: 2 of 6 numbers are not from 5 to 90, ") and len(rules.doubts()) == 1


def test_a_whole_column_on_another_scale_makes_nobody_a_case():
    fractions = [f"0.{number}" for number in range(13, 74)]
    rules = of("lvsd: LVEF < 40", fractions)
    with pytest.raises(
        ValueError,
        match=r"column LVEF must hold ejection fractions from 5 to 90, the scale of the rules' 40, got none",
    ):
        rules.lines()
    assert rules.tallies["LVEF"].positive["lvsd"] == 0 and "such as 0.13" in rules.doubts()[0]
    sound = of("lvsd: LVEF < 0.4", fractions)
    assert sound.tallies["LVEF"].positive["lvsd"] == 27 and sound.doubts() == []
    # Of a column that is called something else nothing is known but that all are on one side.
    other = of("low: FEVI < 40", fractions)
    assert other.doubts() == [
        "FEVI: low applies to all of 61 numbers: one class only; is its rule on the column's scale?"
    ]


def test_cells_with_units_are_said_to_be_lost():
    rules = of("lvsd: ef < 40", ["35 %", "<20", "35,5", "n/a", "nan", "", "30", "60", "61"])
    assert rules.doubts() == [
        "ef: 3 of 6 measured cells are no plain number, such as '35 %', '<20', '35,5': unknown, and whoever is left "
        "may be a biased choice: write them as numbers, such as 35.5"
    ]
