"""Whole sources into folders; the truth is what the server was given, and hashlib."""

import hashlib
import io
import json
import random
import zipfile
from collections import namedtuple

import pytest

from fairseq_signals.data.download import crew
from fairseq_signals.data.download import download as module
from fairseq_signals.data.download.connection import Connection
from fairseq_signals.data.download.download import chosen_files, download
from fairseq_signals.data.download.listing import RemoteFile
from fairseq_signals.data.download.origin import Origin

RANDOM = random.Random(5)
FILES = {f"records{rate}/0000{n}.{end}": RANDOM.randbytes(RANDOM.randrange(1, 40_000))
         for rate in (100, 500) for n in range(6) for end in ("hea", "dat")}  # fmt: skip


def origin(**kind):
    words = dict.fromkeys(("name", "version", "licence", "citation", "size", "unverified"), "x")
    return Origin("it", page="https://example.org", recordings=1, **words, **kind)


@pytest.fixture
def source(server):
    server.files |= {f"/v/{path}": body for path, body in FILES.items()}
    sums = "".join(f"{hashlib.sha256(body).hexdigest()} {path}\n" for path, body in FILES.items())
    server.files["/v/SHA256SUMS.txt"] = sums.encode()
    return origin(checksums=f"{server.url}/v/SHA256SUMS.txt")


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def get(source, dest, connection, **settings):
    return download(source, dest, connection=connection, progress=False, **settings)


@pytest.mark.parametrize("workers", [1, 4])
def test_everything_arrives_and_the_list_beside_it(server, source, connection, tmp_path, workers):
    done = get(source, tmp_path / "new" / "d", connection, workers=workers)
    assert content(tmp_path / "new" / "d") == FILES | {"SHA256SUMS.txt": server.files["/v/SHA256SUMS.txt"]}
    assert (done.files, done.fetched, done.size) == (len(FILES), len(FILES), sum(map(len, FILES.values())))


def test_what_is_whole_is_verified_and_not_fetched(server, source, connection, tmp_path):
    get(source, tmp_path, connection)
    damaged, gone = "records100/00001.dat", "records500/00003.hea"
    (tmp_path / damaged).write_bytes(bytes(len(FILES[damaged])))
    (tmp_path / gone).unlink()
    server.asked.clear()
    done = get(source, tmp_path, connection)
    assert {path for path in server.asked if "SUMS" not in path} == {f"/v/{damaged}", f"/v/{gone}"}
    assert done.fetched == 2 and {k: v for k, v in content(tmp_path).items() if "SUMS" not in k} == FILES


def test_any_mixture_of_faults_ends_with_the_same_bytes(server, source, connection, tmp_path):
    faults = [
        500,
        503,
        ("cut", 10),
        ("cut", 0),
        ("no range",),
        ("status", 429, 9),
        ("bytes", b"other"),
        502,
        ("lie", 3),
    ]
    for path in FILES:
        server.faults[f"/v/{path}"] = [RANDOM.choice(faults) for _ in range(RANDOM.randrange(4))]
    for attempt in range(3):
        try:
            get(source, tmp_path, connection, workers=3)
            break
        except (OSError, ValueError):  # twice wrong bytes in a row may be among the faults
            assert attempt < 2
    assert {k: v for k, v in content(tmp_path).items() if "SUMS" not in k} == FILES


def test_a_file_that_cannot_be_had_does_not_keep_the_others(server, source, connection, tmp_path):
    lost = "records100/00002.dat"
    del server.files[f"/v/{lost}"]
    with pytest.raises(OSError, match=rf"24 files must arrive whole, got 23; 1 could not be had.*{lost}.*404"):
        get(source, tmp_path, connection)
    assert {k: v for k, v in content(tmp_path).items() if "SUMS" not in k} == {
        k: v for k, v in FILES.items() if k != lost
    }


def test_wrong_bytes_name_the_file_and_both_digests(server, source, connection, tmp_path):
    wrong = "records100/00002.dat"
    server.files[f"/v/{wrong}"] = b"other"
    with pytest.raises(ValueError, match="1 could not be had") as caught:
        get(source, tmp_path, connection)
    for body in (b"other", FILES[wrong]):
        assert hashlib.sha256(body).hexdigest() in str(caught.value)
    assert wrong in str(caught.value) and wrong not in content(tmp_path)


def test_a_dead_server_is_not_asked_for_every_file(server, source, connection, tmp_path):
    files = [f"many/{number}" for number in range(500)]
    server.files["/v/SHA256SUMS.txt"] = "".join(f"{'0' * 64} {path}\n" for path in files).encode()
    with pytest.raises(OSError, match="could not be had"):
        get(source, tmp_path, connection, workers=2)
    assert sum(server.asked.values()) < 30


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_stops_everything_and_says_what_to_do(server, source, connection, tmp_path, status):
    for path in FILES:
        server.faults[f"/v/{path}"] = [status]
    asked = origin(checksums=source.checksums, refused="Sign the agreement at https://s.")
    with pytest.raises(OSError, match=rf"got {status}.*Sign the agreement at https://s\."):
        get(asked, tmp_path, connection, workers=2)
    assert sum(server.asked.values()) < 10


def test_what_must_be_signed_for_is_never_asked_for(connection, tmp_path):
    with pytest.raises(ValueError, match=r"signed for by a person, got it, which is so\. Sign here"):
        get(origin(sign="Sign here"), tmp_path / "d", connection)
    assert not (tmp_path / "d").exists()


def test_only_some(server, source, connection, tmp_path):
    done = get(source, tmp_path, connection, only=["records100/*", "*3.hea"])
    expected = {path for path in FILES if path.startswith("records100/") or path.endswith("3.hea")}
    assert set(content(tmp_path)) == expected | {"SHA256SUMS.txt"} and done.files == len(expected) == 13
    with pytest.raises(ValueError, match=r"pattern must fit a file, such as records100/00000\.dat.*got '\*\.mat'"):
        get(source, tmp_path, connection, only=["*.mat"])


def test_patterns_are_plain():
    files = [RemoteFile(name, "https://x") for name in ("A.csv", "a.csv", "d/a.csv")]
    assert [one.path for one in chosen_files(files, ["a.csv"])] == ["a.csv"]
    assert chosen_files(files, []) == files


def test_archives_are_unpacked_and_again_nothing_is_done(server, connection, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("exams_part0.hdf5", b"12345" * 99)
    bodies = {"exams_part0.zip": packed.getvalue(), "exams.csv": b"exam_id\n1\n"}
    server.files |= {f"/f/{name}": body for name, body in bodies.items()}
    entries = [
        {"key": name, "size": len(body), "checksum": f"md5:{hashlib.md5(body).hexdigest()}",
         "links": {"self": f"{server.url}/f/{name}"}}
        for name, body in bodies.items()
    ]  # fmt: skip
    server.files["/z"] = json.dumps({"files": entries}).encode()
    source = origin(zenodo=f"{server.url}/z", unpack=True)
    for fetched in (2, 0):
        done = get(source, tmp_path, connection)
        assert content(tmp_path) == bodies | {"exams_part0.hdf5": b"12345" * 99}
        assert (done.fetched, done.unpacked) == (fetched, 1)


def test_two_downloads_into_one_folder_are_refused(source, connection, tmp_path):
    with module._held(tmp_path), pytest.raises(ValueError, match="into which another process is downloading"):
        get(source, tmp_path, connection)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="dest must be a folder, got the file"):
        get(source, tmp_path / "file", connection)
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        get(source, tmp_path, connection, workers=0)


def test_want_of_room_is_said_before_it_is_used_up(server, connection, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(crew.shutil, "disk_usage", lambda path: usage(9, 9, 1000))
    server.files["/a"] = bytes(2000)
    files = ({"path": "a", "url": f"{server.url}/a", "size": 2000},)
    with pytest.raises(OSError, match="disk must have room for 2000 bytes of a, got 1000 free"):
        get(origin(files=files), tmp_path, connection)
    assert not server.asked
    (tmp_path / "a.partial").write_bytes(bytes(1500))  # what is there already needs no room
    monkeypatch.setattr(crew.shutil, "disk_usage", lambda path: usage(9, 9, 600))
    get(origin(files=files), tmp_path, Connection())
    assert (tmp_path / "a").read_bytes() == bytes(2000)


def test_a_stop_keeps_what_has_arrived(server, source, tmp_path, monkeypatch, connection):
    """Ctrl-C reaches the thread that waits for the others."""
    wait = crew.wait

    def interrupted(threads, **how):
        wait(threads[:1], timeout=0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(crew, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get(source, tmp_path, connection, workers=2)
    assert connection.patience.stop.is_set()
    monkeypatch.undo()
    with pytest.raises(OSError, match=r"24 files must arrive whole, got \d+;.*was stopped"):
        get(source, tmp_path / "other", connection)  # what was stopped never passes for done
    get(source, tmp_path, Connection())
    assert {k: v for k, v in content(tmp_path).items() if "SUMS" not in k} == FILES
