import pytest

from manifests.parts.silence import labels_of_cell, patient_of_cell


def test_words_that_say_nothing_are_no_patient():
    words = ["", " ", "nan", "NaN", "NA", "N/A", "None", "null", "unknown", "?", "-", "Anonymous", "XXX", "<NA>", None]
    assert [patient_of_cell(word) for word in words] == [None] * len(words)
    assert [patient_of_cell(word) for word in ("0", " P1 ", "X1", "Nana")] == ["0", "P1", "X1", "Nana"]


def test_words_that_say_nothing_are_no_labels_and_an_empty_cell_is_not_one_of_them():
    assert {labels_of_cell(word) for word in ("nan", "NA", "N/A", "None", "NULL", "unknown", "-", "?")} == {"-"}
    assert [labels_of_cell(word) for word in ("", "AF", "?AF,SR", "0")] == ["", "AF", "?AF,SR", "0"]
    with pytest.raises(ValueError, match="labels must be codes, or one word for nothing known, got 'NA' in 'AF,NA'"):
        labels_of_cell("AF,NA")
