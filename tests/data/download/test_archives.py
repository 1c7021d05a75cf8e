"""Archives: what comes out is what went in, and nothing leaves the folder."""

import errno
import io
import random
import stat
import struct
import tarfile
import zipfile

import pytest

from fairseq_signals.data.download import archives
from fairseq_signals.data.download.archives import is_archive, unpack

FILES = {
    "ECGData/a.csv": random.Random(1).randbytes(300_000),
    "ECGData/b.csv": b"",
    "Diagnostics.xlsx": bytes(range(256)) * 9,
}


def zipped(path, files=FILES, mode=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode or stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, body)
    return path


def tarred(path, mode, files=FILES, **more):
    with tarfile.open(path, mode) as file:
        folder = tarfile.TarInfo("ECGData")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            vars_of = more.get(name, {})
            for key, value in vars_of.items():
                setattr(info, key, value)
            file.addfile(info, io.BytesIO(body))
    return path


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz"])
def test_what_comes_out_is_what_went_in(tmp_path, kind):
    archive = tmp_path / "records.tar.gz"  # a name that does not tell the truth, as one source has it
    zipped(archive) if kind == "zip" else tarred(archive, kind)
    advanced = []
    assert unpack(archive, tmp_path / "out", advanced=advanced.append) == 3
    assert content(tmp_path / "out") == FILES and sum(advanced) == sum(map(len, FILES.values()))


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_what_is_there_is_kept_and_what_differs_is_replaced(tmp_path, kind):
    archive, out = tmp_path / "a", tmp_path / "out"
    zipped(archive) if kind == "zip" else tarred(archive, kind)
    unpack(archive, out)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.csv")}
    damaged = out / "Diagnostics.xlsx"
    damaged.write_bytes(b"x" + FILES["Diagnostics.xlsx"][1:])
    unpack(archive, out)
    assert content(out) == FILES and {path: path.stat().st_mtime_ns for path in out.rglob("*.csv")} == stamps


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil", "..\\evil"])
@pytest.mark.parametrize("kind", ["zip", "w"])
def test_members_never_leave_the_folder(tmp_path, name, kind):
    archive, out = tmp_path / "a", tmp_path / "deep" / "out"
    files = {"good": b"1", name: b"2"}
    zipped(archive, files) if kind == "zip" else tarred(archive, kind, files)
    with pytest.raises(ValueError, match="plain path inside the folder"):
        unpack(archive, out)
    assert set(content(tmp_path)) <= {"a", "deep/out/good"}


def test_links_are_refused(tmp_path):
    with pytest.raises(ValueError, match="plain file, got a link or a locked one: l"):
        unpack(zipped(tmp_path / "z", {"l": b"/etc/passwd"}, stat.S_IFLNK | 0o777), tmp_path / "out")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        archive = tarred(tmp_path / "t", "w", {"l": b""}, l={"type": kind, "linkname": "../../x"})
        with pytest.raises(ValueError, match="plain file, got a link or a device: l"):
            unpack(archive, tmp_path / "out")
    assert content(tmp_path).keys() == {"z", "t"}


def test_bombs_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must unpack to at most \d+ bytes, got 50000000 in its directory"):
        unpack(zipped(tmp_path / "z", {"zeros": bytes(50_000_000)}), tmp_path / "out")
    with pytest.raises(ValueError, match="must unpack to at most"):
        unpack(tarred(tmp_path / "t", "w:gz", {"zeros": bytes(50_000_000)}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_member_beyond_its_stated_size_is_refused(tmp_path):
    archive = zipped(tmp_path / "z", {"a": bytes(1000)})
    body = bytearray(archive.read_bytes())
    entry = body.index(b"PK\x01\x02")
    struct.pack_into("<I", body, entry + 24, 10)  # the directory's uncompressed size
    archive.write_bytes(body)
    with pytest.raises(ValueError, match=r"archive must be whole|must have the size"):
        unpack(archive, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_a_damaged_archive_is_refused(tmp_path, kind):
    archive = tmp_path / "a"
    zipped(archive) if kind == "zip" else tarred(archive, kind)
    body = bytearray(archive.read_bytes())
    body[1000] ^= 0xFF
    archive.write_bytes(body)
    with pytest.raises(ValueError, match=r"archive must be whole.*/a\)"):
        unpack(archive, tmp_path / "out")
    assert not [path for path in content(tmp_path / "out") if path.endswith("partial")]


def test_no_archive_at_all(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>login</html>")
    with pytest.raises(ValueError, match="archive must be whole"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_published_files_are_not_replaced(tmp_path):
    with pytest.raises(ValueError, match=r"must not replace a published file, got exams\.csv"):
        unpack(zipped(tmp_path / "z", {"exams.csv": b"1"}), tmp_path, taken={"exams.csv"})


def test_what_macos_adds_is_left_out(tmp_path):
    files = {"a.csv": b"1", "__MACOSX/._a.csv": b"2", "d/.DS_Store": b"3", "d/._b.csv": b"4"}
    assert unpack(zipped(tmp_path / "z", files), tmp_path / "out") == 1
    assert content(tmp_path / "out") == {"a.csv": b"1"}


def test_a_full_disk_says_so(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = zipped(tmp_path / "z")
    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="disk must have room for what is in z, got none after 0 files"):
        unpack(archive, tmp_path / "out")
    assert content(tmp_path / "out") == {}


def test_archives_are_told_by_their_names():
    assert [is_archive(name) for name in ("a.ZIP", "r.tar.gz", "x.tgz", "a.csv", "zip", "a.hdf5")] == [True] * 3 + [
        False
    ] * 3
