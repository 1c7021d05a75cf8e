"""Transfers against a server that misbehaves; the truth is the bytes that it was given, and hashlib."""

import errno
import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fairseq_signals.data.download import transfer
from fairseq_signals.data.download.connection import LoginWanted, Stopped
from fairseq_signals.data.download.listing import RemoteFile
from fairseq_signals.data.download.transfer import DiskFull, WrongBytes, fetch, is_whole

BODY = random.Random(1).randbytes(1_000_003)
SHA = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
MD5 = f"md5:{hashlib.md5(BODY).hexdigest()}"


@pytest.fixture
def remote(server):
    server.files["/a.dat"] = BODY
    server.tags["/a.dat"] = '"v1"'
    return RemoteFile("folder/a.dat", f"{server.url}/a.dat", len(BODY), SHA)


def leftovers(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def ranges(server):
    return [headers.get("Range") for _, headers in server.requests]


@pytest.mark.parametrize("digest", [SHA, MD5, None])
@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_file_arrives_as_it_is(server, remote, connection, tmp_path, digest, size):
    seen = []
    path = fetch(RemoteFile(remote.path, remote.url, size, digest), tmp_path, connection, seen.append)
    assert path == tmp_path / "folder" / "a.dat" and path.read_bytes() == BODY
    assert leftovers(tmp_path) == ["a.dat"] and sum(seen) == len(BODY)


def test_an_empty_file_arrives(server, connection, tmp_path):
    server.files["/e"] = b""
    for size in (0, None):
        path = fetch(RemoteFile(f"e{size}", f"{server.url}/e", size, None), tmp_path, connection)
        assert path.is_file() and path.stat().st_size == 0


def test_a_cut_line_is_taken_up_where_it_was_cut(server, remote, connection, tmp_path):
    server.faults["/a.dat"] = [("cut", 400_000), ("cut", 0), ("cut", 250_000)]
    seen = []
    fetch(remote, tmp_path, connection, seen.append)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and sum(seen) == len(BODY)
    assert ranges(server) == [None, "bytes=400000-", "bytes=400000-", "bytes=650000-"]
    assert all(headers["If-Range"] == '"v1"' for _, headers in server.requests[1:])


def test_a_new_process_goes_on(server, remote, connection, tmp_path):
    server.faults["/a.dat"] = [("cut", 300_000), 404]
    with pytest.raises(OSError, match="404"):
        fetch(remote, tmp_path, connection)
    assert leftovers(tmp_path) == ["a.dat.partial", "a.dat.partial.json"]
    fetch(remote, tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and ranges(server)[-1] == "bytes=300000-"


def test_all_bytes_of_a_killed_process_are_not_fetched_again(server, remote, connection, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.dat.partial").write_bytes(BODY)
    fetch(remote, tmp_path, connection)
    assert not server.requests
    (tmp_path / "folder" / "a.dat.partial").write_bytes(BODY)
    fetch(RemoteFile(remote.path, remote.url, None, SHA), tmp_path, connection)
    assert ranges(server) == [f"bytes={len(BODY)}-"]


@pytest.mark.parametrize("digest", [SHA, None])
def test_a_changed_file_is_never_glued_to_the_old_one(server, remote, connection, tmp_path, digest):
    old = random.Random(2).randbytes(len(BODY))
    server.files["/a.dat"], server.tags["/a.dat"] = old, '"v0"'
    server.faults["/a.dat"] = [("cut", 500_000), 404]
    with pytest.raises(OSError, match="404"):
        fetch(remote, tmp_path, connection)
    server.files["/a.dat"], server.tags["/a.dat"] = BODY, '"v1"'
    fetch(RemoteFile(remote.path, remote.url, None, digest), tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and len(server.requests) == 3


def test_a_server_that_ignores_the_condition_is_noticed_by_its_tag(server, remote, connection, tmp_path):
    """It sends the rest of another version although If-Range names the old one."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.dat.partial").write_bytes(b"x" * 1000)
    (tmp_path / "folder" / "a.dat.partial.json").write_text(json.dumps({"url": remote.url, "version": '"v0"'}))
    server.faults["/a.dat"] = [("lie", 1000)]
    fetch(RemoteFile(remote.path, remote.url, None, None), tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and ranges(server) == ["bytes=1000-", None]


def test_without_version_and_checksum_nothing_is_continued(server, remote, connection, tmp_path):
    server.tags.clear()
    server.faults["/a.dat"] = [("cut", 1000)]
    fetch(RemoteFile(remote.path, remote.url, None, None), tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and ranges(server) == [None, None]


@pytest.mark.parametrize("fault", [("no range",), ("lie", 999)])
def test_a_server_without_ranges_is_started_over(server, remote, connection, tmp_path, fault):
    server.faults["/a.dat"] = [("cut", 400_000), fault]
    seen = []
    fetch(RemoteFile(remote.path, remote.url, None, None), tmp_path, connection, seen.append)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and sum(seen) == len(BODY)


def test_a_line_that_is_always_cut_at_the_same_place_is_given_up(server, remote, connection, tmp_path):
    server.faults["/a.dat"] = [("cut", 1000)] * 40
    server.tags.clear()
    plain = RemoteFile(remote.path, remote.url, None, None)  # begun anew each time
    with pytest.raises(OSError, match=r"tried 5 times; the same command continues"):
        fetch(plain, tmp_path, connection)
    assert len(server.requests) == 5


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 202])
def test_passing_faults_are_waited_out_with_growing_pauses(server, remote, connection, tmp_path, status):
    server.faults["/a.dat"] = [status] * 3
    fetch(remote, tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY
    assert connection.patience.waited == [1.0, 2.0, 4.0]


def test_the_server_says_how_long_to_wait(server, remote, connection, tmp_path):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.faults["/a.dat"] = [("status", 429, 37), ("status", 503, later), ("status", 503, "soon")]
    fetch(remote, tmp_path, connection)
    first, second, third = connection.patience.waited
    assert first == 37 and 90 <= second <= 100 and third == 4.0


def test_an_absurd_pause_is_an_error(server, remote, connection, tmp_path):
    server.faults["/a.dat"] = [("status", 503, 86400)]
    with pytest.raises(OSError, match="the server asks to wait 86400 s"):
        fetch(remote, tmp_path, connection)


def test_progress_resets_the_patience(server, remote, connection, tmp_path):
    server.faults["/a.dat"] = [fault for _ in range(6) for fault in (("cut", 100_000), 503, 503)]
    fetch(remote, tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY
    assert connection.patience.waited == [1.0, 2.0, 4.0] * 6


def test_a_server_that_is_away_is_given_up_with_its_name(connection, tmp_path):
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9/a must answer.*tried 5 times"):
        fetch(RemoteFile("a", "http://127.0.0.1:9/a", 1, None), tmp_path, connection)


@pytest.mark.parametrize(("status", "error"), [(404, OSError), (410, OSError), (401, LoginWanted), (403, LoginWanted)])
def test_final_faults_are_not_tried_again(server, remote, connection, tmp_path, status, error):
    server.faults["/a.dat"] = [status] * 3
    with pytest.raises(error, match=f"a.dat must .* got {status}"):
        fetch(remote, tmp_path, connection)
    assert len(server.requests) == 1


def test_wrong_bytes_are_fetched_anew_once(server, remote, connection, tmp_path):
    server.faults["/a.dat"] = [("bytes", b"y" * len(BODY))]
    seen = []
    fetch(remote, tmp_path, connection, seen.append)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and sum(seen) == len(BODY)
    assert ranges(server) == [None, None]


def test_wrong_bytes_twice_are_an_error_that_names_everything(server, remote, connection, tmp_path):
    other = b"y" * len(BODY)
    server.files["/a.dat"] = other
    with pytest.raises(WrongBytes) as caught:
        fetch(remote, tmp_path, connection)
    for word in ("folder/a.dat", SHA, hashlib.sha256(other).hexdigest(), remote.url):
        assert word in str(caught.value)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("body", [BODY + b"more", BODY[:-1], b""])
def test_too_much_or_too_little_is_wrong(server, remote, connection, tmp_path, body):
    server.files["/a.dat"] = body
    with pytest.raises((WrongBytes, OSError), match=rf"{len(BODY)} bytes, got|must answer with the rest"):
        fetch(RemoteFile(remote.path, remote.url, len(BODY), None), tmp_path, connection)
    assert "a.dat" not in leftovers(tmp_path)


def test_endless_bytes_are_not_read_to_their_end(server, remote, connection, tmp_path):
    server.files["/a.dat"] = bytes(50_000_000)
    seen = []
    with pytest.raises(WrongBytes, match="10 bytes"):
        fetch(RemoteFile("a", remote.url, 10, None), tmp_path, connection, seen.append)
    assert sum(count for count in seen if count > 0) < 10_000_000


def test_redirects_are_followed_and_asked_anew(server, remote, connection, tmp_path):
    """The signed address behind it is good for one request only."""
    server.files["/signed1"] = server.files["/signed2"] = BODY
    server.tags["/signed1"] = server.tags["/signed2"] = '"s"'
    server.faults["/a.dat"] = [("redirect", "/signed1"), ("redirect", "/late"), ("redirect", "/signed2")]
    server.faults["/signed1"], server.faults["/late"] = [("cut", 1000)], [403]
    fetch(remote, tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["/a.dat", "/signed1", "/a.dat", "/late", "/a.dat", "/signed2"]
    assert server.requests[-1][1]["Range"] == "bytes=1000-"


def test_a_full_disk_keeps_the_partial_file(server, remote, connection, tmp_path, monkeypatch):
    class Full:
        def __init__(self, path, mode):
            self.file, self.room = open(path, mode), 500_000

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, block):
            if len(block) > self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= self.file.write(block)

    with monkeypatch.context() as patch:
        patch.setattr(
            transfer, "open", lambda path, mode: Full(path, mode) if mode == "ab" else open(path, mode), raising=False
        )
        with pytest.raises(DiskFull, match=r"room for folder/a.dat, got none after \d+ bytes.*same command continues"):
            fetch(remote, tmp_path, connection)
    arrived = (tmp_path / "folder/a.dat.partial").stat().st_size
    assert 0 < arrived <= 500_000
    fetch(remote, tmp_path, connection)
    assert (tmp_path / "folder/a.dat").read_bytes() == BODY and ranges(server)[-1] == f"bytes={arrived}-"


def test_stopping_keeps_the_partial_file(server, remote, connection, tmp_path):
    def arrived(count):
        if count:
            connection.patience.stop.set()

    with pytest.raises(Stopped):
        fetch(remote, tmp_path, connection, arrived)
    assert (tmp_path / "folder/a.dat.partial").stat().st_size < len(BODY)


def test_whole_means_size_and_digest(remote, tmp_path):
    path = tmp_path / "a"
    assert not is_whole(remote, path)
    path.write_bytes(BODY)
    assert is_whole(remote, path)
    path.write_bytes(BODY[:-1] + bytes([BODY[-1] ^ 1]))
    assert not is_whole(remote, path) and is_whole(RemoteFile("a", "", len(BODY), None), path)
    path.write_bytes(BODY[:-1])
    assert not is_whole(RemoteFile("a", "", len(BODY), None), path)


def test_a_packed_answer_is_refused(server, remote, connection, tmp_path, monkeypatch):
    send = type(server)._send

    def packed(self, handler, *rest):
        end = handler.end_headers
        handler.end_headers = lambda: (handler.send_header("Content-Encoding", "gzip"), end())
        send(self, handler, *rest)

    monkeypatch.setattr(type(server), "_send", packed)
    with pytest.raises(OSError, match="must send the file as it is"):
        fetch(remote, tmp_path, connection)
