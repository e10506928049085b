"""A receiver of webhooks in several tempers, which keeps every request that it gets and when.

A temper is what a path does first; afterwards it answers 204. `POST /trap` is where redirects point to.
"""

import http.server
import threading
import time

# Longer than a sender waits.
SILENCE = 13


class Got:
    """One request."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.came = time.time()
        self.answered = self.status = None

    @property
    def id(self):
        return self.headers["webhook-id"]


class Receiver(http.server.ThreadingHTTPServer):
    """The receiver, at `url`; `tempers` has for each path what it does with each new event, one attempt after another.

    A temper is `(status, headers)`, `(status, headers, seconds before the answer)`, "silent" or "reset".
    """

    daemon_threads = True

    def __init__(self, tempers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tempers, self.got, self.lock = tempers, [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A sender that has gone is no error of ours."""

    def take(self, got):
        """Keeps a request; how often this event was here before."""
        with self.lock:
            before = sum(1 for other in self.got if (other.path, other.id) == (got.path, got.id))
            self.got.append(got)
        return before

    def of(self, path):
        with self.lock:
            return [got for got in self.got if got.path == path]


class Handler(http.server.BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing."""

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        got = Got(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
        before = self.server.take(got)
        tempers = self.server.tempers.get(self.path, [])
        temper = tempers[before] if before < len(tempers) else (204, {})
        if temper == "silent":
            time.sleep(SILENCE)
        if temper in ("silent", "reset"):
            self.close_connection = True
            self.connection.close()
            return
        status, headers, *seconds = temper
        time.sleep(sum(seconds))
        got.answered, got.status = time.time(), status
        self.send_response(status)
        for name, text in {"content-length": "0", **headers}.items():
            self.send_header(name, text)
        self.end_headers()
