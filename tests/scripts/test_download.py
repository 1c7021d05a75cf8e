"""The command for downloads, run as a user runs it, against a server in this process."""

import hashlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = {"a/1.dat": os.urandom(3000), "a/2.dat": os.urandom(2_000_000), "RECORDS": b"a/1\na/2\n"}


def start(*arguments):
    command = [sys.executable, str(ROOT / "scripts" / "download.py"), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # A shell that starts the tests in the background has them ignore SIGINT, and children inherit that.
    listen = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **listen
    )


def run(*arguments):
    process = start(*arguments)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return process.returncode, out, err


@pytest.fixture
def web(tmp_path):
    """A folder of web pages, their address, and how slowly they are given."""
    folder = tmp_path / "web"
    slow = threading.Event()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_):
            pass

        def copyfile(self, source, target):
            while block := source.read(20_000):
                time.sleep(0.05 * slow.is_set())
                target.write(block)

    for name, body in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    sums = "".join(f"{hashlib.sha256(body).hexdigest()} {name}\n" for name, body in FILES.items())
    (folder / "SHA256SUMS.txt").write_text(sums)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads, http.handle_error = True, lambda *_: None
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    origins = tmp_path / "origins"
    origins.mkdir()
    told = {"name": "Little", "version": "1.0", "licence": "CC0", "page": "https://example.org", "citation": "Me",
            "recordings": 2, "size": "2 MB", "unverified": "nothing",
            "checksums": f"http://127.0.0.1:{http.server_address[1]}/SHA256SUMS.txt"}  # fmt: skip
    (origins / "little.yaml").write_text(yaml.safe_dump(told))
    yield origins, slow
    http.shutdown()
    http.server_close()


def test_files_arrive_and_the_next_command_is_named(web, tmp_path):
    dest = tmp_path / "d"
    code, out, err = run("little", "--dest", dest, "--origins", web[0])
    assert code == 0, err
    assert {name: (dest / name).read_bytes() for name in FILES} == FILES
    assert f"3 files whole in {dest}, 2,003,008 bytes, 3 of them fetched now" in out
    assert f"Next: python scripts/prepare.py little --source {dest} --dest data/little" in out
    assert "Licence: CC0" in out and "Please cite: Me" in out
    assert "3/3 files" in err  # the bar


def test_the_next_command_names_the_folder_that_is_prepared(web, tmp_path):
    origin = web[0] / "little.yaml"
    origin.write_text(origin.read_text() + "folder: a\n")
    code, out, err = run("little", "--dest", tmp_path / "my data", "--origins", web[0])
    assert code == 0, err
    assert f"--source '{tmp_path / 'my data' / 'a'}' --dest data/little" in out


def test_list_shows_and_fetches_nothing(web, tmp_path):
    code, out, err = run("little", "--dest", tmp_path / "d", "--list", "--only", "a/*", "--origins", web[0])
    assert code == 0 and not (tmp_path / "d").exists(), err
    lines = out.splitlines()
    assert lines[:2] == [
        f"{n}\tsize not told\tsha256:{hashlib.sha256(FILES[n]).hexdigest()}" for n in ("a/1.dat", "a/2.dat")
    ]
    assert "Little 1.0: 2 files" in lines[2] and "nothing was fetched" in lines[2]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_is_stopped_or_killed_goes_on_by_the_same_command(web, tmp_path, how):
    origins, slow = web
    slow.set()
    command = ["little", "--dest", tmp_path / "d", "--origins", origins]
    process = start(*command)
    partial = tmp_path / "d" / "a" / "2.dat.partial"
    deadline = time.monotonic() + 30
    while not (partial.is_file() and partial.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 1 and "stopped; the same command continues" in err and "Traceback" not in err, err
    assert partial.is_file() and not (tmp_path / "d" / "a" / "2.dat").exists()
    slow.clear()
    code, _, err = run(*command)
    assert code == 0 and (tmp_path / "d" / "a" / "2.dat").read_bytes() == FILES["a/2.dat"]
    assert not partial.exists()


def test_help_lists_every_source_with_licence_and_size():
    code, out, _ = run("--help")
    words = " ".join(out.split())
    assert code == 0
    for text in (
        "ptbxl (open)",
        "chapman --form figshare (open)",
        "echonext (must be signed for)",
        "CC BY 4.0",
        "46 GB",
    ):
        assert text in words


def test_what_must_be_signed_says_what_and_where(tmp_path):
    code, out, err = run("echonext", "--dest", tmp_path / "d")
    words = " ".join(err.split())
    assert code == 1 and not (tmp_path / "d").exists() and not out
    assert "https://physionet.org/content/echonext/1.1.0/" in words and "Data Use Agreement 1.5.0" in words
    assert f"python scripts/prepare.py echonext --source {tmp_path / 'd'} --dest data/echonext" in words


def test_mistakes_end_in_one_sentence(tmp_path):
    code, _, err = run("ptbxxl", "--dest", tmp_path)
    assert code == 1 and "source must be one of chapman, cinc2021" in err and "got 'ptbxxl'" in err
    code, _, err = run("ludb", "--dest", tmp_path, "--form", "x")
    assert code == 1 and "form must be one of none" in err


@pytest.mark.parametrize("more", [(), ("--list",)])
def test_without_a_network_it_is_said_at_once_and_the_end_says_what_to_do(tmp_path, monkeypatch, capsys, more):
    spec = importlib.util.spec_from_file_location("download", ROOT / "scripts" / "download.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "Patience", partial(script.Patience, first=0.001))

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SystemExit, match=r"error: physionet\.org cannot be found .*tried 4 times; check the network"):
        script.main(["mimic_iv_ecg", "--dest", str(tmp_path / "d"), *more])
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == "asking physionet.org for the list of files"
    assert err.splitlines()[1] == "physionet.org cannot be found (no network?); trying again in 0 s (2 of 4)"
    assert not out and not (tmp_path / "d").exists()
