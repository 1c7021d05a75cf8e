import hashlib

import pytest

from fairseq_signals.data.checksums import damaged, published


def _list(folder, *lines):
    (folder / "SHA256SUMS.txt").write_text("\n".join(lines) + "\n")
    return published(folder)


def test_only_files_that_differ_from_the_list_are_damaged(tmp_path):
    (tmp_path / "a").mkdir()
    contents = {"a/1.hea": b"header", "a/1.dat": b"samples", "a/2.dat": b"others", "a/1.json": b"not published"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    sums = _list(
        tmp_path,
        f"{digests['a/1.hea']}  a/1.hea",
        f"{digests['a/1.dat'].upper()} *./a/1.dat",
        "",
        "0" * 64 + " a/2.dat",
    )
    of_one = sums.of(["a/1.hea"])
    assert of_one == {name: digests[name] for name in ("a/1.hea", "a/1.dat")}
    files = [tmp_path / name for name in (*contents, "a/3.dat")]
    assert damaged(tmp_path, files, of_one) == []
    assert damaged(tmp_path, files, sums.of(["a/1", "a/2.hea"])) == ["a/2.dat"]
    (tmp_path / "a/1.dat").write_bytes(b"samplez")
    assert damaged(tmp_path, files, of_one) == ["a/1.dat"]


def test_a_source_without_a_list_has_none_and_a_bad_list_is_refused(tmp_path):
    assert published(tmp_path) is None
    with pytest.raises(
        ValueError, match=r"must be a SHA-256 and a path, got 'abc  a/1.hea' \(.*SHA256SUMS.txt, line 2\)"
    ):
        _list(tmp_path, f"{'0' * 64}  x", "abc  a/1.hea")
    with pytest.raises(ValueError, match="must be a SHA-256 and a path"):
        _list(tmp_path, "0" * 64)
