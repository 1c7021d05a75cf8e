"""What is said of a server that gives no answer, when, and how often it is asked."""

import re
import socket

import pytest

from fairseq_signals.data.download.connection import Patience


@pytest.fixture
def offline(monkeypatch):
    """No name of a host is known."""

    def unknown(host, *_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def switch():
        monkeypatch.setattr(socket, "getaddrinfo", unknown)

    return switch


@pytest.fixture
def told(connection):
    sentences = []
    connection.patience.tell = sentences.append
    return sentences


def test_a_host_that_cannot_be_found_is_told_at_once_and_tried_a_few_times(offline, connection, told):
    offline()
    with pytest.raises(OSError) as error:
        connection.read("https://example.org/SHA256SUMS.txt")
    assert told == [
        f"example.org cannot be found (no network?); trying again in {seconds} s ({number} of 4)"
        for seconds, number in ((1, 2), (2, 3), (4, 4))
    ]
    assert str(error.value).startswith("example.org cannot be found (no network?) (tried 4 times; check the network")
    assert "HTTPS_PROXY" in str(error.value) and "HTTPSConnectionPool" not in str(error.value)


def test_a_host_that_was_there_before_is_waited_for_with_all_patience(offline, server, connection, told):
    server.files["/a"] = b"1"
    url = server.url.replace("127.0.0.1", "localhost")
    assert connection.read(f"{url}/a") == b"1"
    offline()
    connection._threads.session.close()  # the network went away, and with it what was open
    with pytest.raises(OSError, match=r"localhost cannot be found \(no network\?\) \(tried 5 times"):
        connection.read(f"{url}/a")
    assert [sentence.rpartition(" (")[2] for sentence in told] == ["2 of 5)", "3 of 5)", "4 of 5)", "5 of 5)"]


def test_a_refused_connection_is_told_in_the_words_of_the_system(connection, told):
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9/a must answer, got ConnectionRefusedError: .*tried 5 times"):
        connection.read("http://127.0.0.1:9/a")
    assert len(told) == 4 and not any(re.search("Pool|object at", sentence) for sentence in told)


def test_a_proxy_that_is_away_is_not_taken_for_the_host(connection, told, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(OSError, match="got a fault of the proxy"):
        connection.read("http://example.org/a")


def test_short_pauses_are_not_told_where_that_is_wanted(server, connection, told):
    connection.patience.quiet = 3.0
    server.files["/a"], server.faults["/a"] = b"1", [503] * 4
    connection.read("/".join((server.url, "a")))
    assert [re.search(r"in (\d+) s", sentence)[1] for sentence in told] == ["4", "8"]
    assert Patience().quiet == 0
