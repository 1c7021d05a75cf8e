import os

from fairseq_signals.data.fingerprints import changed, fingerprints


def test_a_file_that_grows_ages_goes_or_comes_has_changed(tmp_path):
    names = ("same", "longer", "touched", "gone", "new")
    for name in names[:4]:
        (tmp_path / name).write_text("x")
    seen = fingerprints(tmp_path, [tmp_path / name for name in names])
    assert changed(tmp_path, seen) == []
    (tmp_path / "longer").write_text("xx")
    os.utime(tmp_path / "touched", ns=(1, 1))  # rewritten with as many bytes
    (tmp_path / "gone").unlink()
    (tmp_path / "new").write_text("x")
    assert changed(tmp_path, seen) == ["longer", "touched", "gone", "new"]
    assert seen["same"][0] == 1 and seen["new"] is None
