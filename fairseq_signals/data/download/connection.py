"""Questions to a web server that may be slow, busy, or gone for a while."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

_PASSING = {202, 408, 425, 429}  # and all from 500 on; figshare answers 202 while it makes up its mind
_LONGEST_ASKED = 3600.0  # seconds that a server may ask to wait
_MOST_TEXT = 1 << 30  # bytes of a list of files
_TRIES_TO_FIND = 4  # of a host that was never found: most often there is no network


class Passing(OSError):
    """A fault that may pass.

    Attributes:
        retry_after: the pause in seconds that the server asks for, if any.
        tries: after how many it is final, where that is sooner than the patience ends.
        advice: what a person can do then.
    """

    def __init__(self, message: str, retry_after: float | None = None, tries: int | None = None, advice: str = ""):
        super().__init__(message)
        self.retry_after, self.tries, self.advice = retry_after, tries, advice


class LoginWanted(OSError):
    """The server wants to know who asks (401 or 403)."""


class Stopped(Exception):
    """Somebody ended the whole; the partial files stay."""


@dataclass
class Patience:
    """How often something is tried again, and after which growing pauses.

    Attributes:
        tries: tries without any progress before the fault is final.
        first, longest: pauses in seconds; each is twice the one before.
        stop: set when everything is to end; cuts every pause short.
        tell: called with a sentence before a pause.
        quiet: pauses shorter than this many seconds are not told of.
    """

    tries: int = 8
    first: float = 1.0
    longest: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    tell: Callable[[str], None] = lambda sentence: None
    quiet: float = 0.0

    def pause(self, number: int, fault: Passing) -> None:
        """Waits before the try that follows the `number`-th in vain.

        Raises:
            OSError: the tries are used up, or the server asks for a longer pause than is sensible.
            Stopped: everything is to end.
        """
        seconds = max(min(self.first * 2 ** (number - 1), self.longest), fault.retry_after or 0)
        most = min(self.tries, fault.tries or self.tries)
        if number >= most or seconds > _LONGEST_ASKED:
            asked = f", and the server asks to wait {fault.retry_after:.0f} s" if fault.retry_after else ""
            advice = f"{fault.advice}; then " if fault.advice else ""
            raise OSError(f"{fault} (tried {number} times{asked}; {advice}the same command continues)") from fault
        if seconds >= self.quiet:
            self.tell(f"{fault}; trying again in {seconds:.0f} s ({number + 1} of {most})")
        if self.stop.wait(seconds):
            raise Stopped


class Connection:
    """GET requests over `requests`, one session per thread."""

    def __init__(self, patience: Patience | None = None, timeout: tuple[float, float] = (30.0, 60.0)):
        """With `timeout` in seconds for connecting, and for the server's silence."""
        self.patience = patience or Patience()
        self._timeout = timeout
        self._found: set[str] = set()  # hosts that have answered; one that is gone for a while may come back
        self._threads = threading.local()

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            # Bytes as they are: a length and a place in a compressed stream mean nothing for the file.
            self._threads.session.headers.update({"Accept-Encoding": "identity", "User-Agent": "fairseq-signals"})
        return self._threads.session

    @contextmanager
    def answer(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
        """The answer to one GET, its body still to be read (`response.raw`).

        Raises:
            Passing: trying again may help, which includes faults while the body is read.
            LoginWanted: status 401 or 403.
            OSError: any other fault.
        """
        try:
            with self._session().get(url, headers=headers, stream=True, timeout=self._timeout) as response:
                self._found.update(_host(one.url) for one in (*response.history, response))
                _check_status(response, url)
                yield response
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, HTTPError) as why:
            raise self._fault(why, url) from why
        except requests.RequestException as why:
            raise OSError(f"{url} must be an address that can be fetched, got {_short(why)}") from why

    def _fault(self, why: Exception, url: str) -> Passing:
        """What to say of a server that gave no answer, or broke it off."""
        cause = _innermost(why)
        request = getattr(why, "request", None)
        host = _host(request.url if request is not None else url)
        if isinstance(why, requests.exceptions.ProxyError):
            return Passing(f"{url} must answer, got a fault of the proxy (HTTPS_PROXY): {_short(cause)}")
        if isinstance(cause, socket.gaierror):
            advice = "check the network and its name server, and HTTPS_PROXY where a proxy leads out"
            tries = None if host in self._found else _TRIES_TO_FIND
            return Passing(f"{host} cannot be found (no network?)", tries=tries, advice=advice)
        return Passing(f"{url} must answer, got {type(cause).__name__}: {_short(cause)}")

    def read(self, url: str) -> bytes:
        """The whole of something small, tried again when a fault may pass."""
        number = 0
        while True:
            try:
                with self.answer(url) as response:
                    body = response.raw.read(_MOST_TEXT + 1, decode_content=True)
                if len(body) > _MOST_TEXT:
                    raise OSError(f"list of files must be at most {_MOST_TEXT} bytes, got more ({url})")
                return body
            except Passing as fault:
                number += 1
                self.patience.pause(number, fault)

    def json(self, url: str) -> Any:
        """What an API answers."""
        try:
            return json.loads(self.read(url))
        except ValueError as error:
            raise ValueError(f"answer must be JSON, got {error} ({url})") from error


def _check_status(response: requests.Response, url: str) -> None:
    status, words = response.status_code, f"{response.status_code} {response.reason}"
    if status in (200, 206, 416):
        return
    # An address signed for a few seconds, which a server redirects to, answers 403 when it was reached too late.
    if status in _PASSING or status >= 500 or (status == 403 and response.history):
        raise Passing(f"{url} must answer with the file, got {words}", _asked_pause(response))
    if status in (401, 403):
        raise LoginWanted(f"{url} must be open to everybody, got {words}")
    raise OSError(f"{url} must answer with the file, got {words}")


def _asked_pause(response: requests.Response) -> float | None:
    """Seconds of `Retry-After`, which is a number or a date."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _innermost(why: BaseException) -> BaseException:
    """The operating system's own fault in what the libraries wrapped around it, or else the outermost."""
    inner, seen = why, []
    while inner is not None and inner not in seen:
        seen.append(inner)
        first = inner.args[0] if inner.args and isinstance(inner.args[0], BaseException) else None
        inner = getattr(inner, "reason", None) or inner.__cause__ or first or inner.__context__
    found = [one for one in seen if isinstance(one, OSError) and not isinstance(one, requests.RequestException)]
    return found[-1] if found else why


def _short(why: Exception) -> str:
    return " ".join(str(why).split())[:300]
