import csv

import pandas as pd
import pytest

from manifests.parts.csv_table import cells_of, columns_of


def test_columns_are_found_by_name_as_pandas_finds_them(tmp_path):
    path = tmp_path / "t.csv"
    frame = pd.DataFrame({"a b": ["1", "x, y", 'say "no"'], "c": ["ä", "", "two\nlines"], "d": ["7", "8", "9"]})
    frame.to_csv(path, index=False, encoding="utf-8-sig", quoting=csv.QUOTE_MINIMAL)
    assert columns_of(path) == ("a b", "c", "d")
    assert list(cells_of(path, "d", "a b")) == [(2, ("7", "1")), (3, ("8", "x, y")), (4, ("9", 'say "no"'))]
    assert [cells for _, cells in cells_of(path, "c")] == [("ä",), ("",), ("two\nlines",)]
    assert [cells for _, cells in cells_of(path)] == [tuple(row) for row in frame.itertuples(index=False)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_that_of_the_first_line(tmp_path, separator):
    path = tmp_path / "t.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows([["a", "b", "c"], ["1", "2,5", "p;q"]])
    assert list(cells_of(path, "c", "b")) == [(2, ("p;q", "2,5"))]
    tabs = tmp_path / "t.tsv"
    tabs.write_text("a,b\tc\n1\t2\n\n3\t4\n")
    assert list(cells_of(tabs, "a,b")) == [(2, ("1",)), (4, ("3",))], "row 3 is blank"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3\n", r"row must have 2 cells, got 1 \(.*t\.csv, row 3\)"),
        (b"a,b\n1,2,3\n", r"row must have 2 cells, got 3 \(.*row 2\)"),
        (b"a,a\n1,2\n", r"columns must differ in name, got a, a \(.*row 1\)"),
        (b"c\n1\n", r"t\.csv must have the columns b, got c \(.*row 1\)"),
        (b"", r"must have the columns b, got nothing"),
        (b"a,b\n1,\xff\n", r"table must be text in UTF-8, got .*t\.csv, about line \d\)"),
        (b'a,b\n1,"2\n', r"table must be of comma-separated form, got .*t\.csv, about line 2\)"),
        (b'a,b\n1,2\n1,"2"3\n', r"table must be of comma-separated form, got .*t\.csv, about line 3\)"),
        (b'a,b\n1,"' + b"2" * 200_000 + b'"\n', r"table must be of comma-separated form, got field larger"),
    ],
)
def test_what_is_no_table_is_refused_with_its_row(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(cells_of(tmp_path / "t.csv", "b"))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"table none\.csv must be a file, got none at"):
        columns_of(tmp_path / "none.csv")
