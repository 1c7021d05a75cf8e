import pytest

from fairseq_signals.data.row import Row
from fairseq_signals.evaluation.cinc2021 import CLASSES
from manifests.parts.class_list import absent, absent_line, in_classes, listed_codes


def _rows(*labels, unknown=()):
    return [Row(str(n), "s:0", 0, 9, 100.0, ("I",), "p", codes, unknown) for n, codes in enumerate(labels)]


def test_the_challenge_merges_four_pairs_and_knows_26_classes():
    rows = _rows(("59118001", "426783006"), ("713427006",), ("59118001", "713427006", "999"), ("999",))
    rows, classes, outside = in_classes(rows, "cinc2021")
    assert classes == list(CLASSES) and len(classes) == 26
    both = "713427006|59118001"
    assert [row.labels for row in rows] == [(both, "426783006"), (both,), (both,), ()]
    assert outside == {"999": 2} and not rows[3].unlabelled, "none of the 26 applies, and that is known"


def test_a_class_that_applies_by_one_member_is_not_unknown_by_the_other():
    rows, _, _ = in_classes(_rows(("59118001",), unknown=("713427006", "164889003")), "cinc2021")
    assert rows[0].labels == ("713427006|59118001",) and rows[0].unknown == ("164889003",)


def test_all_codes_that_occur_often_enough_sorted():
    rows, classes, outside = in_classes(_rows(("c", "a"), ("b",), ("c", "b"), ("c",), unknown=("a", "c2")), "all", 2)
    assert classes == ["b", "c"] and outside == {"a": 1}
    assert [row.labels for row in rows] == [("c",), ("b",), ("c", "b"), ("c",)]
    assert all(row.unknown == () for row in rows)


def test_a_list_keeps_its_order_and_classes_without_a_case():
    rows, classes, _ = in_classes(_rows(("b", "a"), ()), "z, b")
    assert classes == ["z", "b"] and [row.labels for row in rows] == [("b",), ()]


def test_a_list_of_codes_has_each_once():
    assert listed_codes(" b, a,b,,a ") == ("b", "a") and listed_codes("") == ()


def test_classes_that_never_occur_are_refused_unless_nothing_is_labelled():
    with pytest.raises(ValueError, match=r"classes must occur among the labels, .*the labels have b, a \(--classes\)"):
        in_classes(_rows(("b",), ("b", "a")), "cinc2021")
    assert in_classes(_rows(()), "cinc2021")[1] == list(CLASSES)
    assert in_classes(_rows(()), "all")[1] == []


def test_classes_that_nobody_has_are_said():
    rows, classes, _ = in_classes(_rows(("b",), ()), "z, b, y")
    assert absent(rows, classes) == ["z", "y"]
    assert absent_line(rows, classes) == ["classes that no recording has: 2 of 3, such as z, y"]
    assert absent_line(rows, ["b"]) == []
