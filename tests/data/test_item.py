import pytest

from fairseq_signals.data.item import Item


@pytest.mark.parametrize(
    "file", ["../secret.hea", "a/../../b", "/etc/passwd", "\\\\host\\share", "C:\\x", "c:x", "", "a\\..\\..\\b", "a\0b"]
)
def test_a_table_cannot_lead_out_of_the_source(file):
    with pytest.raises(ValueError, match=r"file must be a path inside the source's folder, got .*\(recording r\)"):
        Item(file, "r")


@pytest.mark.parametrize("file", ["a/b.hea", "..a/b..c", "a b.dcm", ".hidden/x", "records500/00000/00001_hr"])
def test_what_lies_below_is_a_file_of_the_source(file):
    assert Item(file, "r").file == file
