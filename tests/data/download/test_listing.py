"""Lists of files in the form in which each source gives them."""

import hashlib
import json
from dataclasses import replace
from random import Random

import pytest

from fairseq_signals.data.download.listing import RemoteFile, list_files, parse_sums
from fairseq_signals.data.download.origin import Origin

ONE, TWO = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
MD5 = hashlib.md5(b"1").hexdigest()


def origin(**kind):
    words = dict.fromkeys(("name", "version", "licence", "citation", "size", "unverified"), "x")
    return Origin("it", page="https://example.org", recordings=1, **words, **kind)


def test_physionet_lists_digest_blank_path(server, connection):
    server.files["/ludb/1.0.1/SHA256SUMS.txt"] = (
        f"{TWO} data/2 é.dat\n{ONE} LICENSE.txt\n{ONE.upper()}  data/1.hea\n{ONE} *b\r\n\n".encode()
    )
    files = list_files(origin(checksums=f"{server.url}/ludb/1.0.1/SHA256SUMS.txt"), connection)
    base = f"{server.url}/ludb/1.0.1"
    assert files == [
        RemoteFile("LICENSE.txt", f"{base}/LICENSE.txt", None, f"sha256:{ONE}"),
        RemoteFile("b", f"{base}/b", None, f"sha256:{ONE}"),
        RemoteFile("data/1.hea", f"{base}/data/1.hea", None, f"sha256:{ONE}"),
        RemoteFile("data/2 é.dat", f"{base}/data/2%20%C3%A9.dat", None, f"sha256:{TWO}"),
    ]


def test_the_mirror_gives_files_and_never_the_list(server, connection):
    server.files["/v/SHA256SUMS.txt"] = f"{ONE} a/b.dat\n".encode()
    asked = origin(checksums=f"{server.url}/v/SHA256SUMS.txt", mirror="https://mirror.example.org/v/")
    (file,) = list_files(asked, connection, mirror=True)
    assert file == RemoteFile("a/b.dat", "https://mirror.example.org/v/a/b.dat", None, f"sha256:{ONE}")
    with pytest.raises(ValueError, match="mirror must be known to be used, got none for it"):
        list_files(replace(asked, mirror=None), connection, mirror=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{ONE[:-1]} a", "line must be a SHA-256 and a path, got .*line 2"),
        ("<html>not found</html>", "line must be a SHA-256 and a path, got '<html>"),
        (f"{ONE}", "line must be a SHA-256"),
        (f"{TWO} a", "one digest, got two for a"),
        (f"{TWO} ../../a", r"plain path inside the folder, got '\.\./\.\./a'"),
        (f"{TWO} /etc/cron.d/a", "plain path inside the folder"),
        (f"{TWO} a\\..\\..\\b", "plain path inside the folder"),
    ],
)
def test_a_strange_list_of_sums_is_refused(server, connection, line, message):
    server.files["/SHA256SUMS.txt"] = f"{ONE} a\n{line}\n".encode()
    with pytest.raises(ValueError, match=message):
        list_files(origin(checksums=f"{server.url}/SHA256SUMS.txt"), connection)


def test_sums_are_read_as_sha256sum_writes_them():
    random = Random(3)
    table = {f"d{number}/f {number}": hashlib.sha256(random.randbytes(9)).hexdigest() for number in range(50)}
    assert parse_sums("".join(f"{digest}  {path}\n" for path, digest in table.items()), "x") == table
    assert parse_sums("".join(f"{digest} *{path}\n" for path, digest in table.items()), "x") == table
    assert parse_sums("".join(f"{digest}  ./{path}\n" for path, digest in table.items()), "x") == table


# Cut down from the real answer's shape: GET /api/records/<number>
ZENODO = {
    "created": "2021-06-09T12:05:09.462411+00:00",
    "id": 4905618,
    "conceptrecid": "4905617",
    "doi": "10.5281/zenodo.4905618",
    "metadata": {"title": "Sami-Trop", "access_right": "open", "license": {"id": "cc-by-4.0"}},
    "files": [
        {
            "id": "6d1e3a5c-0000-4000-8000-000000000000",
            "key": "exams.zip",
            "size": 12,
            "checksum": f"md5:{MD5}",
            "links": {"self": "https://zenodo.org/api/records/4905618/files/exams.zip/content"},
        },
        {
            "id": "6d1e3a5c-0000-4000-8000-000000000001",
            "key": "exams.csv",
            "size": 3,
            "checksum": f"md5:{MD5}",
            "links": {"self": "https://zenodo.org/api/records/4905618/files/exams.csv/content"},
        },
    ],
    "owners": [{"id": 1}],
    "revision": 7,
}


def test_zenodo(server, connection):
    server.files["/api/records/4905618"] = json.dumps(ZENODO).encode()
    files = list_files(origin(zenodo=f"{server.url}/api/records/4905618"), connection)
    address = "https://zenodo.org/api/records/4905618/files"
    assert files == [
        RemoteFile("exams.csv", f"{address}/exams.csv/content", 3, f"md5:{MD5}"),
        RemoteFile("exams.zip", f"{address}/exams.zip/content", 12, f"md5:{MD5}"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": []}, "at least one, got none"),
        ({"files": None}, "must have a list of files"),
        ({"files": [{"key": "a"}]}, "as the API did when this was written, got no 'size'"),
        ({"files": [ZENODO["files"][0] | {"key": "../a"}]}, "plain path inside the folder"),
        ({"files": [ZENODO["files"][0] | {"size": -1}]}, "whole number of bytes, got -1"),
        ({"files": [ZENODO["files"][0] | {"size": "3"}]}, "whole number of bytes, got '3'"),
        ({"files": [ZENODO["files"][0] | {"checksum": "md5:12"}]}, "checksum must be .* got 'md5:12'"),
        ({"files": [ZENODO["files"][0] | {"checksum": "crc:1234"}]}, "checksum must be"),
        ({"files": [ZENODO["files"][0] | {"links": {"self": "file:///etc/passwd"}}]}, "must begin with https"),
        (
            {"files": [ZENODO["files"][0], ZENODO["files"][1] | {"key": "exams.zip"}]},
            "listed once, got exams.zip twice",
        ),
    ],
)
def test_a_strange_answer_of_zenodo_is_refused(server, connection, change, message):
    server.files["/z"] = json.dumps(ZENODO | change).encode()
    with pytest.raises(ValueError, match=message):
        list_files(origin(zenodo=f"{server.url}/z"), connection)


def article(number, name):
    """As GET /v2/articles/<number> answers, cut down."""
    return {
        "files": [
            {
                "id": 15650000 + number,
                "name": name,
                "size": 470683 + number,
                "is_link_only": False,
                "download_url": f"https://ndownloader.figshare.com/files/{15650000 + number}",
                "supplied_md5": MD5,
                "computed_md5": MD5,
                "mimetype": "application/zip",
            }
        ],
        "id": number,
        "title": name,
        "defined_type_name": "dataset",
        "license": {"value": 2, "name": "CC0"},
    }


def test_figshare_article(server, connection):
    server.files["/v2/articles/7"] = json.dumps(article(7, "ECGData.zip")).encode()
    (file,) = list_files(origin(figshare=f"{server.url}/v2/articles/7"), connection)
    assert file == RemoteFile("ECGData.zip", "https://ndownloader.figshare.com/files/15650007", 470690, f"md5:{MD5}")


def test_figshare_collection_over_several_pages(server, connection):
    numbers = list(range(1, 203))
    for number in numbers:
        server.files[f"/v2/articles/{number}"] = json.dumps(article(number, f"f{number:03d}.csv")).encode()
    for page in (1, 2, 3):
        some = numbers[(page - 1) * 100 : page * 100]
        entries = [{"id": one, "title": "t", "url": f"{server.url}/v2/articles/{one}"} for one in some]
        server.files[f"/v2/collections/4560497/articles?page={page}&page_size=100"] = json.dumps(entries).encode()
    files = list_files(origin(figshare=f"{server.url}/v2/collections/4560497"), connection)
    assert [file.path for file in files] == [f"f{number:03d}.csv" for number in numbers]
    assert files[4].size == 470688


def test_figshare_links_elsewhere_are_refused(server, connection):
    told = article(7, "a")
    told["files"][0]["is_link_only"] = True
    server.files["/v2/articles/7"] = json.dumps(told).encode()
    with pytest.raises(ValueError, match="held by figshare, got a, a link"):
        list_files(origin(figshare=f"{server.url}/v2/articles/7"), connection)


def test_files_of_the_yaml(connection):
    files = ({"path": "a", "url": "https://x/a"}, {"path": "b", "url": "https://x/b", "size": 3, "sha256": ONE})
    listed = list_files(origin(files=files), connection)
    assert listed == [RemoteFile("a", "https://x/a"), RemoteFile("b", "https://x/b", 3, f"sha256:{ONE}")]
    with pytest.raises(ValueError, match="must have path and url"):
        list_files(origin(files=({"path": "a", "url": "https://x", "sha1": "0"},)), connection)


def test_no_json_is_said_with_the_address(server, connection):
    server.files["/z"] = b"<html>"
    with pytest.raises(ValueError, match=f"answer must be JSON, got .*{server.url}/z"):
        list_files(origin(zenodo=f"{server.url}/z"), connection)


def test_the_list_too_is_asked_for_again(server, connection):
    server.files["/z"] = json.dumps(ZENODO).encode()
    server.faults["/z"] = [503, ("cut", 100), 429]
    assert len(list_files(origin(zenodo=f"{server.url}/z"), connection)) == 2
    assert connection.patience.waited == [1.0, 2.0, 4.0]
