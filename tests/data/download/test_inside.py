"""Names that would leave the folder."""

import pytest

from fairseq_signals.data.download.inside import path_inside


@pytest.mark.parametrize(
    "name", ["a", "a/b c.dat", "WFDBRecords/01/010/JS00001.hea", "..a/b..", "a:b/c".replace(":", "-")]
)
def test_plain_names_are_paths(tmp_path, name):
    assert str(path_inside(name, "list")) == name
    assert (tmp_path / name).resolve().is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../a", "a/../../b", "a/..", "./a", "a//b", "a/", "..\\a", "a\\b", "C:a", "C:/a", "c:\\a",
     "\\\\host\\share\\a", "//host/a", "~/a", "~root/a", "a\x00b", "a\nb", "a.partial", "b/a.partial.json"],
)  # fmt: skip
def test_other_names_are_refused_and_shown(name):
    with pytest.raises(ValueError, match=r"must be a plain path inside the folder, got .*the list"):
        path_inside(name, "the list")
