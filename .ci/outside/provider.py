"""Stands between Frontdesk and the providers' stand-ins: keeps the headers of what is asked, and fails on demand.

A failure answers with everything that it was sent, headers and body, as a careless provider would.
"""

import http.client
import http.server
import json
import threading
import urllib.parse

HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


class Provider:
    """Serves as long as the `with` block lasts. `asked` holds (path, headers); `faults` (part of a path, status).

    A bearer that is one of `keys` is passed on as what stands there for it.
    """

    def __init__(self, behind, keys):
        self.behind, self.keys = urllib.parse.urlsplit(behind), keys
        self.asked, self.faults, self.lock = [], [], threading.Lock()
        handler = type("Handler", (Handler,), {"provider": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, path, status, times=1):
        with self.lock:
            self.faults += [(path, status)] * times

    def note(self, path, headers):
        with self.lock:
            self.asked.append((path, dict(headers)))
            fault = next((fault for fault in self.faults if fault[0] in path), None)
            if fault:
                self.faults.remove(fault)
            return fault and fault[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def log_message(self, *_):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status = self.provider.note(self.path, self.headers)
        if status:
            told = " ".join([self.path, *self.headers.values(), body.decode(errors="replace")])
            error = {"message": told, "code": told[:200], "type": told[:200], "param": told[:200], "status": told[:200]}
            return self.answer(status, {"content-type": "application/json", "x-request-id": told[:200].strip()},
                               json.dumps({"error": error}).encode())
        behind = http.client.HTTPConnection(self.provider.behind.hostname, self.provider.behind.port, timeout=30)
        headers = {name.lower(): text for name, text in self.headers.items() if name.lower() not in HOP}
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        headers["authorization"] = f"Bearer {self.provider.keys.get(shown, 'nobody')}"
        behind.request(self.command, self.path, body, headers)
        answer = behind.getresponse()
        kept = {name: text for name, text in answer.getheaders() if name.lower() not in HOP}
        content = answer.read()
        behind.close()
        return self.answer(answer.status, kept, content)

    do_GET = do_POST = do_PUT = do_DELETE = pass_on

    def answer(self, status, headers, content):
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text.replace("\r", " ").replace("\n", " "))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
