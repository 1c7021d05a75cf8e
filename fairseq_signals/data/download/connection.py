"""Questions to a web server that may be slow, busy, or gone for a while."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError

_PASSING = {202, 408, 425, 429}  # and all from 500 on; figshare answers 202 while it makes up its mind
_LONGEST_ASKED = 3600.0  # seconds that a server may ask to wait
_MOST_TEXT = 1 << 30  # bytes of a list of files


class Passing(OSError):
    """A fault that may pass; `retry_after` is the pause in seconds that the server asks for, if any."""

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


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
        tell: called with a sentence before a pause that a person would notice.
    """

    tries: int = 8
    first: float = 1.0
    longest: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    tell: Callable[[str], None] = lambda sentence: None

    def pause(self, number: int, fault: Passing) -> None:
        """Waits before the try that follows the `number`-th in vain.

        Raises:
            OSError: the tries are used up, or the server asks for a longer pause than is sensible.
            Stopped: everything is to end.
        """
        seconds = max(min(self.first * 2 ** (number - 1), self.longest), fault.retry_after or 0)
        if number >= self.tries or seconds > _LONGEST_ASKED:
            asked = f", and the server asks to wait {fault.retry_after:.0f} s" if fault.retry_after else ""
            raise OSError(f"{fault} (tried {number} times{asked}; the same command continues)") from fault
        if seconds >= 5:
            self.tell(f"{fault}; trying again in {seconds:.0f} s")
        if self.stop.wait(seconds):
            raise Stopped


class Connection:
    """GET requests over `requests`, one session per thread."""

    def __init__(self, patience: Patience | None = None, timeout: tuple[float, float] = (30.0, 60.0)):
        """With `timeout` in seconds for connecting, and for the server's silence."""
        self.patience = patience or Patience()
        self._timeout = timeout
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
                _check_status(response, url)
                yield response
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, HTTPError) as why:
            raise Passing(f"{url} must answer, got {type(why).__name__}: {_short(why)}") from why
        except requests.RequestException as why:
            raise OSError(f"{url} must be an address that can be fetched, got {_short(why)}") from why

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


def _short(why: Exception) -> str:
    return " ".join(str(why).split())[:300]
