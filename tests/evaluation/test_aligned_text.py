"""Columns below each other."""

import pytest

from fairseq_signals.evaluation.aligned_text import aligned


def test_columns_are_as_wide_as_their_widest_cell():
    lines = [["lead", "n"], ["aVR", "12"], ["I", "5000"]]
    assert aligned(lines, "<>") == ["lead     n", "aVR     12", "I     5000"]
    assert aligned(lines, "><", gap="|") == ["lead|n", " aVR|12", "   I|5000"]
    assert aligned([], "<>") == []


def test_escape_sequences_take_no_room():
    lines = [["\033[1mV1\033[0m", "x"], ["aVL", "y"]]
    assert aligned(lines, "<<") == ["\033[1mV1\033[0m   x", "aVL  y"]


def test_a_line_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"line of a table must have 2 cells, got 3 \(a b c\)"):
        aligned([["a", "b"], ["a", "b", "c"]], "<<")
