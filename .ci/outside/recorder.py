"""A reverse proxy that passes everything on as it is and remembers it.

It stands between Frontdesk and the stand-ins' port, so that a check sees requests as they are on the wire: method,
path, query, every header and the bytes of the body, also of those that a fault answered or nobody did.
"""

import dataclasses
import http.client
import http.server
import json
import threading
import urllib.parse

# A connection's own headers are not passed on.
HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


@dataclasses.dataclass
class Exchange:
    method: str
    target: str
    headers: list
    sent: bytes
    status: int | None = None
    answered: bytes = b""

    @property
    def path(self):
        return urllib.parse.urlsplit(self.target).path

    @property
    def query(self):
        """Names and values in their order; a parameter without a value counts."""
        return urllib.parse.parse_qsl(urllib.parse.urlsplit(self.target).query, keep_blank_values=True)

    def header(self, name):
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def body(self):
        return json.loads(self.sent) if self.sent else None

    @property
    def answer(self):
        return json.loads(self.answered) if self.answered else None

    def __str__(self):
        return f"{self.method} {self.target}"


class Recorder:
    """The proxy in front of `upstream`, at `url` while the block runs."""

    def __init__(self, upstream):
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.exchanges = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def pass_on(self):
                assert "transfer-encoding" not in self.headers, f"{self.path}: chunked requests are not expected"
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                exchange = Exchange(self.command, self.path, self.headers.items(), body)
                recorder.exchanges.append(exchange)
                recorder.forward(exchange, self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def forward(self, exchange, client):
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        headers = {name: value for name, value in exchange.headers if name.lower() not in HOP}
        try:
            connection.request(exchange.method, exchange.target, exchange.sent, headers)
            answer = connection.getresponse()
            exchange.answered = answer.read()
        except (ConnectionError, http.client.HTTPException):
            # The stand-in gave no answer, so the client gets none either.
            client.close_connection = True
            return
        finally:
            connection.close()
        exchange.status = answer.status
        client.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                client.send_header(name, value)
        client.send_header("content-length", str(len(exchange.answered)))
        client.end_headers()
        client.wfile.write(exchange.answered)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
