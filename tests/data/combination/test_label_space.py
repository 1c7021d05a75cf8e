"""The rules of the classes, each against a plain sentence, and all of them against a slow loop."""

import itertools
from types import SimpleNamespace

import pytest

from fairseq_signals.data.combination.label_space import Meaning, Meanings, label_space, read_meanings


def _part(classes, unannotated=(), source="S", name="s"):
    card = {"classes": list(classes), "unannotated": list(unannotated), "source": source}
    return SimpleNamespace(card=card, part=SimpleNamespace(name=name))


def _cell(space, part, labels=(), unknown=(), unlabelled=False):
    new = SimpleNamespace(**space.translated(part, tuple(labels), tuple(unknown), unlabelled))
    return "-" if new.unlabelled else ",".join([*new.labels, *(f"?{code}" for code in new.unknown)])


def test_a_class_that_a_source_does_not_annotate_is_unknown_for_all_its_rows_and_never_negative():
    space = label_space([_part("AB"), _part("BC", unannotated="C"), _part("D", unannotated="D")], Meanings())
    assert space.classes == ["A", "B", "C", "D"] and space.unannotated == ["C", "D"]
    assert _cell(space, 0) == "" and _cell(space, 0, "A") == "A" and _cell(space, 0, "", "B") == "?B"
    assert _cell(space, 1) == "?A" and _cell(space, 1, "B") == "B,?A"
    assert _cell(space, 2) == "-"  # it annotates nothing
    assert _cell(space, 0, unlabelled=True) == "-"
    assert _cell(space, 1, "", "B") == "-"  # nothing is known of this one


def test_a_merged_class_is_positive_by_any_code_unknown_by_any_and_negative_by_all_annotated():
    merge = Meanings((Meaning("", "A1", "A"), Meaning("", "A2", "A")))
    space = label_space([_part(["A1", "A2", "B"]), _part(["A1", "C"]), _part(["A1", "A2", "B"], ["A2"])], merge)
    assert space.classes == ["A", "B", "C"]
    assert _cell(space, 0, ["A2"], ["A1"]) == "A,?C"
    assert _cell(space, 0, [], ["A1"]) == "?A,?C"
    assert _cell(space, 0) == "?C"
    assert _cell(space, 1) == "?B" and _cell(space, 1, ["A1"]) == "A,?B"
    assert _cell(space, 2) == "?C"  # it looks for A1 alone, which is absent


def test_a_doubtful_code_makes_its_class_unknown_and_annotates_nothing():
    doubt = Meanings((Meaning("", "X", "A", True), Meaning("", "X", "X")))
    space = label_space([_part(["A", "X"]), _part(["X"])], doubt)
    assert space.classes == ["A", "X"]
    assert _cell(space, 0, ["X"]) == "X,?A" and _cell(space, 0, ["X", "A"]) == "A,X"
    assert _cell(space, 0) == "" and _cell(space, 0, [], ["X"]) == "-"
    assert _cell(space, 1) == "?A" and _cell(space, 1, ["X"]) == "X,?A"


def test_a_line_for_one_source_holds_for_it_alone():
    table = Meanings((Meaning("ptbxl", "AF", "fibrillation"),))
    space = label_space(
        [_part(["AF"], source="PTB-XL"), _part(["AF"], name="other"), _part(["AF"], name="PTB_xl")], table
    )
    assert space.classes == ["fibrillation", "AF"]
    theirs = "fibrillation,?AF"
    assert [_cell(space, part, ["AF"]) for part in range(3)] == [theirs, "AF,?fibrillation", theirs]


def test_classes_may_be_chosen_and_ordered_or_closed_by_a_table():
    parts = [_part(["A", "B", "C"])]
    assert label_space(parts, Meanings(only=("C", "A"))).classes == ["C", "A"]
    space = label_space(parts, Meanings(only=("C", "Z")))
    assert space.unannotated == ["Z"] and space.parts[0].outside == ("A", "B")
    closed = label_space(parts, Meanings((Meaning("", "A", "a"),), (Meaning("", "a", "one"), Meaning("", "B", "one"))))
    assert closed.classes == ["one"] and _cell(closed, 0, ["A"]) == "one" and _cell(closed, 0, ["C"]) == ""
    with pytest.raises(ValueError, match=r"classes must be annotated by some source, got none that is: .* A, B, C"):
        label_space(parts, Meanings(only=("Z",)))


def test_every_combination_of_three_codes_agrees_with_a_plain_loop():
    """Two sources, codes 1-3 of which 1 and 2 mean A, 2 and 3 mean B, and 3 makes A doubtful."""
    meanings = [("1", "A", False), ("2", "A", False), ("2", "B", False), ("3", "B", False), ("3", "A", True)]
    table = Meanings(tuple(Meaning("", *one) for one in meanings))
    for annotated in ("123", "12", "13", "3", "1"):
        space = label_space([_part("123", set("123") - set(annotated)), _part(["A", "B"])], table)
        for states in itertools.product("+?0", repeat=len(annotated)):
            state = dict(zip(annotated, states, strict=True))
            expected = {}
            for name in "AB":
                sure = [state[code] for code, means, doubt in meanings if means == name and not doubt and code in state]
                unsure = [state[code] for code, means, doubt in meanings if means == name and doubt and code in state]
                if not sure:
                    expected[name] = "?"
                elif "+" in sure:
                    expected[name] = "+"
                else:
                    expected[name] = "?" if "?" in sure or set(unsure) & {"+", "?"} else "0"
            text = [name for name in "AB" if expected[name] == "+"]
            text += [f"?{name}" for name in "AB" if expected[name] == "?"]
            received = _cell(space, 0, [c for c in state if state[c] == "+"], [c for c in state if state[c] == "?"])
            assert received == ("-" if set(expected.values()) == {"?"} else ",".join(text)), (annotated, states)


def test_a_table_is_read_with_its_remarks(tmp_path):
    (tmp_path / "t.csv").write_text("# a remark, with a comma\nsource,code,class\nPTB-XL,AFIB,164889003\n\n,X,?Y\n")
    assert read_meanings(tmp_path / "t.csv") == [Meaning("ptbxl", "AFIB", "164889003"), Meaning("", "X", "Y", True)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code,class\na,b\n", "columns source, code, class, got code, class"),
        ("", "got nothing"),
        ("source,code,class\n,a\n", "cells source, code, class, got more or fewer .*line 2"),
        ("source,code,class\n# x\n,a,b,c\n", "got more or fewer .*line 3"),
        ("source,code,class\n,,b\n", "code and class must be given"),
        ("source,code,class\n,a,?\n", "code and class must be given"),
        ('source,code,class\n,a,"b,c"\n', "without commas"),
    ],
)
def test_a_slip_in_a_table_is_named_with_its_line(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_meanings(tmp_path / "t.csv")
