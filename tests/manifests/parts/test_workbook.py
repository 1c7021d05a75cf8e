import pytest
from openpyxl import Workbook

from manifests.parts.workbook import workbook_cells


def _workbook(path, *rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.create_sheet("second").append(["x"])
    book.save(path)
    return path


def test_columns_are_found_by_name_and_numbers_are_text(tmp_path):
    path = _workbook(
        tmp_path / "t.xlsx", ["b", None, " a "], [1.0, "x", " y "], [None, None, None], [2.5, None], [None, "z", 3]
    )
    assert list(workbook_cells(path, "a", "b")) == [(2, ("y", "1")), (4, ("", "2.5")), (5, ("3", ""))]


@pytest.mark.parametrize(
    ("names", "got"), [(["a", "c"], "got a, c"), (["a", "b", "b"], "got a, b, b"), ([], "nothing")]
)
def test_columns_that_are_missing_or_stand_twice_are_named(tmp_path, names, got):
    with pytest.raises(ValueError, match=rf"t\.xlsx must have the columns a, b once each, {got}.*row 1\)|got nothing"):
        list(workbook_cells(_workbook(tmp_path / "t.xlsx", names, [1]), "a", "b"))


def test_what_is_no_workbook_is_refused(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match=r"t\.xlsx must be an Excel workbook, got BadZipFile"):
        list(workbook_cells(tmp_path / "t.xlsx", "a"))
    with pytest.raises(FileNotFoundError, match=r"table u\.xlsx must be a file, got none at"):
        list(workbook_cells(tmp_path / "u.xlsx", "a"))
