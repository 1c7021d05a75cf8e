import pytest

from fairseq_signals.data.atomic import written_whole


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("old")
    with written_whole(path, "w") as file:
        file.write("new\n")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_bytes() == b"new\n" and list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as file:
        file.write(b"ne")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
