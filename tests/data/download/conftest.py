"""A web server in a thread that serves bytes and can be told to behave badly."""

import threading
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fairseq_signals.data.download.connection import Connection, Patience


class Server:
    """`files`: bytes by path. `faults`: by path, what to do with the next requests, one after the other.

    Faults: a number (status), ("status", 429, seconds), ("cut", n): n bytes of the body and the line goes dead,
    ("bytes", b): other bytes instead, ("no range",): the whole file whatever is asked, ("tag", t): with this ETag,
    ("lie", n): 206 from another place, ("redirect", path).
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.faults = defaultdict(list)
        self.asked = Counter()
        self.requests: list[tuple[str, dict]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.serve(self)

            def log_message(self, *_):
                pass

        class Http(ThreadingHTTPServer):
            request_queue_size = 64

        self._http = Http(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # a client that hangs up is no fault of the server
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def serve(self, handler):
        path = handler.path
        self.asked[path] += 1
        self.requests.append((path, dict(handler.headers)))
        fault = self.faults[path].pop(0) if self.faults[path] else None
        kind = fault[0] if isinstance(fault, tuple) else None
        status = fault if isinstance(fault, int) else fault[1] if kind == "status" else None
        plain = path.partition("?")[0]
        if kind == "redirect":
            handler.send_response(302)
            handler.send_header("Location", fault[1])
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif status or (plain not in self.files and path not in self.files):
            handler.send_response(status or 404)
            if kind == "status":
                handler.send_header("Retry-After", str(fault[2]))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        else:
            self._send(handler, self.files.get(path, self.files.get(plain)), fault, kind)

    def _send(self, handler, body, fault, kind):
        body = fault[1] if kind == "bytes" else body
        tag = self.tags.get(handler.path)
        start, wanted = 0, handler.headers.get("Range")
        if wanted and kind != "no range" and handler.headers.get("If-Range", tag) in (tag, None):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        start = fault[1] if kind == "lie" else start
        if start and start >= len(body):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(body)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        part = body[start:]
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if tag:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        handler.wfile.write(part[: fault[1]] if kind == "cut" else part)
        handler.close_connection = True


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


class Waits(Patience):
    """Writes down the pauses instead of waiting."""

    def __init__(self, tries=5):
        super().__init__(tries=tries)
        self.waited = []
        waits = self

        class Clock(threading.Event):
            def wait(self, seconds=None):
                waits.waited.append(seconds)
                return self.is_set()

        self.stop = Clock()


@pytest.fixture
def connection():
    return Connection(Waits(), timeout=(2.0, 2.0))
