import pytest

from manifests.parts.cells import sex_of, sex_or_cell, truth


@pytest.mark.parametrize(
    ("cell", "sex"), [("M", "male"), ("f", "female"), ("MALE", "male"), ("Female", "female"), ("", "")]
)
def test_letters_and_words_of_sexes_are_one(cell, sex):
    assert sex_of(cell, "here") == sex_or_cell(cell) == sex


@pytest.mark.parametrize("cell", ["1", "0", "x", "unknown"])
def test_a_number_is_no_sex(cell):
    assert sex_or_cell(cell) == cell
    with pytest.raises(ValueError, match=rf"sex must be M or F, male or female, or empty, got '{cell}' \(row 7\)"):
        sex_of(cell, "row 7")


def test_nothing_is_not_no():
    assert [truth(cell, "") for cell in ("1", "TRUE", "1.0", "0", "False", "0.0", "", "nan")] == [
        *[True] * 3,
        *[False] * 3,
        *[None] * 2,
    ]
    with pytest.raises(ValueError, match=r"cell must be true, false or empty, got '2' \(row 7\)"):
        truth("2", "row 7")
