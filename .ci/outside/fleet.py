"""The services as processes over the providers' stand-ins, with all that they say kept."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import requests
from otlp import until
from programs import LIMITS
from provider import Provider

SHEET = "1sandboxFrontdeskLedgerOfSevenTabs0000000000"
SESSION, REFRESH = "/api/chatkit/session", "/api/chatkit/refresh"
CHAT, EVENTS, STRIPE = "/chatkit", "/webhooks/ajd/chat-events", "/webhooks/stripe"
SERVICES = ("sheets-writer", "session-broker", "chat-agent", "booking-payments", "gateway")
ORIGIN = "https://www.example.com"
# What the stand-ins take.
STAND_INS = {"openai": "sk-sandbox", "google": "ya29.sandbox"}
TILL = {
    "CALCOM_API_KEY": "cal_test_sandbox0000000000000000000000",
    "CALCOM_WEBHOOK_SECRETS": "example-calcom-secret-51d0",
    "STRIPE_SECRET_KEY": "sk_test_sandbox",
    "STRIPE_WEBHOOK_SECRETS": "whsec_example",
    "PUBLIC_BASE_URL": "https://chat.example.com",
}
WHOP_KEY = "apik_sandbox_A0000000000000000000000000000000000000000000000000000"
WHOP = {
    "WHOP_ACCOUNT_ID": "biz_frontdesk0001",
    "WHOP_APP_ID": "app_frontdesk0001",
    "WHOP_WEBHOOK_SECRETS": "ws_example-whop-secret-7a3e",
}
EVENTS_SECRET = "example-events-secret-4f1c"
# The token key is 32 bytes as base64url.
CREDENTIALS = STAND_INS | {
    "events": EVENTS_SECRET,
    "tokens": "ZXhhbXBsZSBvZiB0aGUgdG9rZW4ga2V5cywgMzIgYnl0ZXM",
    "forwarder": "example-forwarder-9b27",
}
WIDE = "10000/m:10000"
CLOUD = {
    "K_SERVICE": "frontdesk",
    "ALLOW_SANDBOX": "1",
    "HOST": "127.0.0.1",
    "ALLOWED_ORIGINS": ORIGIN,
    "GOOGLE_CLOUD_PROJECT": "frontdesk-test",
}


class Process:
    """One program, and everything that it has said."""

    def __init__(self, path, scratch, settings):
        self.name = path.name
        self.log = pathlib.Path(scratch, f"{path.name}.log")
        with self.log.open("w") as log:
            environment = {"PATH": os.environ["PATH"], **settings}
            self.process = subprocess.Popen([path], cwd=scratch, env=environment, stdout=log, stderr=log)

    def said(self):
        return self.log.read_text(errors="replace")

    def address(self):
        """Where it listens: the log says so when it serves."""

        def find():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.said()}")
            # The stand-ins say nothing but their address.
            lines = [line for line in self.said().splitlines() if "serving" in line or self.name == "alone"]
            found = re.search(r"127\.0\.0\.1:\d+", "\n".join(lines))
            return found and f"http://{found[0]}"

        return until(find, f"{self.name} serves")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.name} did not stop")


class Fleet:
    """The services, `provider` before their stand-ins, and the gateway at `url`.

    With `credentials` of its own, `provider` shows the stand-ins those that they take. With one for `whop` there is
    whop-gateway too.
    """

    def __init__(self, binaries, scratch, settings, credentials=CREDENTIALS):
        self.binaries, self.scratch, self.settings = pathlib.Path(binaries).resolve(), scratch, settings
        self.credentials, self.processes = credentials, []

    def start(self, program, settings):
        process = Process(self.binaries / program, self.scratch, settings)
        self.processes.append(process)
        return process.address()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: [process.stop() for process in reversed(self.processes)])
            keys = {self.credentials[of]: key for of, key in STAND_INS.items()}
            keys |= {key: key for key in (TILL["CALCOM_API_KEY"], TILL["STRIPE_SECRET_KEY"])}
            keys |= {self.credentials[of]: WHOP_KEY for of in self.credentials if of == "whop"}
            self.provider = stack.enter_context(Provider(self.start("examples/alone", {}), keys))
            self.serve()
            self.stack = stack.pop_all()
        return self

    def serve(self):
        own = self.credentials
        openai = {"OPENAI_API_KEY": own["openai"], "OPENAI_BASE_URL": f"{self.provider.url}/openai/v1"}
        google = {
            "GOOGLE_SHEETS_ID": SHEET,
            "GOOGLE_ACCESS_TOKEN": own["google"],
            "SHEETS_BASE_URL": f"{self.provider.url}/sheets",
            "EVENTS_WEBHOOK_SECRET": own["events"],
        }
        limits = dict.fromkeys(LIMITS, WIDE)
        common = {"PORT": "0", "STORE": f"sqlite:{self.scratch}/store", **limits, **self.settings}
        writer = self.start("sheets-writer", common | google)
        hosted = {"CHATKIT_WORKFLOW_ID": "wf_sandbox_lead"}
        self.inward = inward = {"SHEETS_WRITER_ADDR": writer}
        if "whop" in own:
            club = WHOP | self.club() | {"WHOP_API_KEY": own["whop"], "GOOGLE_ACCESS_TOKEN": own["google"]}
            inward["WHOP_GATEWAY_ADDR"] = self.start("whop-gateway", common | club | {"SHEETS_WRITER_ADDR": writer})
        inward |= {
            "SESSION_BROKER_ADDR": self.start("session-broker", common | openai | hosted),
            "CHAT_AGENT_ADDR": self.start("chat-agent", common | openai | inward),
            "BOOKING_PAYMENTS_ADDR": self.start(
                "booking-payments", common | TILL | self.till() | {"SHEETS_WRITER_ADDR": writer}
            ),
        }
        door = {"TOKEN_KEYS": f"k1:{own['tokens']}", "ALLOWED_ORIGINS": ORIGIN, "FORWARDER_SECRET": own["forwarder"]}
        self.url = self.start("gateway", common | inward | door)

    def till(self):
        """Where the calendar and the till are: at the stand-ins."""
        return {f"{of}_BASE_URL": f"{self.provider.url}/{of.lower()}" for of in ("CALCOM", "STRIPE")}

    def club(self):
        """Where Whop and the files of its members are: at the stand-ins."""
        paths = {"WHOP_BASE_URL": "whop/api/v1", "WHOP_JWKS_URL": "whop/.well-known/jwks.json", "DRIVE_BASE_URL": "drive/v3"}
        return {name: f"{self.provider.url}/{path}" for name, path in paths.items()}

    def __exit__(self, *_):
        self.stack.close()

    def stop(self):
        """Lets the services leave in order, which sends what they still hold."""
        for process in reversed(self.processes):
            code = process.stop()
            assert code == 0 or process.name == "alone", f"{process.name} left with {code}: {process.said()[-2000:]}"

    def said(self):
        return {process.name: process.said() for process in self.processes if process.name != "alone"}

    def post(self, path, body, **headers):
        """Posts JSON, or a text as it is; names of headers are written with `_`."""
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        headers.setdefault("content-type", "application/json")
        return requests.post(self.url + path, data=data, headers=headers, timeout=30)

    def session(self, **headers):
        answer = self.post(SESSION, {"modes": ["self_hosted"]}, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def say(text, thread=None):
    """A message of the chat protocol, which begins a thread or goes on in one."""
    message = {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}
    if thread:
        return {"type": "threads.add_user_message", "params": {"thread_id": thread, "input": message}}
    return {"type": "threads.create", "params": {"input": message}}


def events(answer):
    """The events of a stream."""
    assert answer.status_code == 200, answer.text
    return [json.loads(frame.removeprefix("data: ")) for frame in answer.text.split("\n\n") if frame]
