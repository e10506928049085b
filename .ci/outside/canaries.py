#!/usr/bin/env python3
"""Plants secrets and words of visitors wherever a request can hold them, and looks for them where they must not be.

usage: canaries.py BINARY_DIR

In requests that are good, refused, malformed, and that a provider fails with everything it was sent in its error.
None may be in what any process says, at any level of RUST_LOG, in what is exported, or in a body that tells of an
error: as it is, URL-encoded, in base64, in hex, or as a list of bytes.
"""

import base64
import json
import re
import secrets
import subprocess
import sys
import tempfile
import urllib.parse

import requests
from fleet import CHAT, CLOUD, EVENTS, REFRESH, SESSION, WHOP, Fleet, events, say
from otlp import Collector, until

RUNS = [("info", CLOUD), ("debug", CLOUD), ("trace", CLOUD), ("trace", {})]
MEMBER, MEMBERS_EMAIL = "user_mara", "mara@example.com"
MEMBERSHIP, SUPPORT = "/api/portal/membership", "/api/portal/actions/support"
# What a log of everything that is done here has to speak of, in one of the processes.
SPOKEN = ("events taken", "session minted", "serving", "drained", "a user token is refused")


def forms(core):
    """Every way in which letters and digits may have been written down, in lower case."""
    raw, coded = core.encode(), set()
    for shift in range(3):
        # What does not hang on the bytes before and after.
        text = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        inner = text[(shift * 8 + 5) // 6:-1]
        coded |= {inner, inner.replace("+", "-").replace("/", "_")}
    listed = {", ".join(str(byte) for byte in raw), ",".join(str(byte) for byte in raw)}
    return {form.lower() for form in {core, raw.hex()} | coded | listed}


class Cage:
    """All canaries of a run: what is random in each, and what it is."""

    def __init__(self):
        self.names = {}

    def plant(self, what, pattern="{}"):
        core = secrets.token_hex(9)
        self.names[core] = what
        return pattern.format(core)

    def keep(self, what, secret):
        """A secret that was answered; of a token of ours it is the signature that counts."""
        self.names[secret.rsplit(".", 1)[-1]] = what

    def sightings(self, where, text):
        text = text.lower()
        for core, what in self.names.items():
            for form in forms(core):
                at = text.find(form)
                if at >= 0:
                    yield f"{what} in {where}: …{text[max(at - 160, 0):at + len(form) + 60]}…"

    def must_not_sing(self, where, text):
        for sighting in self.sightings(where, text):
            sys.exit(f"canaries: {sighting}")


def prove_the_search():
    """A search that finds nothing has to be one that would have found something."""
    cage = Cage()
    canary = cage.plant("a message", "words & more+{}/é")
    raw = f"..{canary}..".encode()
    for text in (
        raw.decode(), urllib.parse.quote(raw), json.dumps(raw.decode()), raw.hex(), str(list(raw)), canary.upper(),
        *(base64.b64encode(b"x" * shift + raw).decode() for shift in range(3)), base64.urlsafe_b64encode(raw).decode(),
    ):
        assert list(cage.sightings("a text", text)), f"the search does not see {canary!r} in {text}"
    assert not list(cage.sightings("a text", "words and more")), "the search sees what is not there"


def credentials(cage):
    key = cage.plant("our token key", "{}-token-key----")[:32].ljust(32, "-").encode()
    return {
        "openai": cage.plant("the OpenAI key", "sk-{}"),
        "google": cage.plant("the access token of Google", "ya29.{}"),
        "events": cage.plant("the events secret", "{}"),
        "tokens": base64.urlsafe_b64encode(key).decode().rstrip("="),
        "forwarder": cage.plant("the forwarder's secret", "{}"),
        "whop": cage.plant("the Whop key", "apik_{}"),
    }


class Visit:
    """Everything that a visitor, a workflow of n8n and a stranger may do, with canaries in all of it."""

    def __init__(self, fleet, cage, request_id):
        self.fleet, self.cage = fleet, cage
        self.email = cage.plant("an e-mail", "{}@example.com")
        self.phone = cage.plant("a phone", "+49-30-{}")
        self.words = cage.plant("a message", "My words are {}, & nobody's else")
        query = {"token": cage.plant("a query"), "email": self.email, "key": cage.plant("a query", "a b/{}")}
        self.query = urllib.parse.urlencode(query)
        self.headers = {
            "cookie": f"id={cage.plant('a cookie')}",
            "user_agent": cage.plant("a user agent"),
            "referer": f"https://www.example.com/?reset={cage.plant('a referrer')}",
            "x_api_key": cage.plant("a header"),
            "x_forwarded_for": cage.plant("an address"),
            "x_frontdesk_forwarder": cage.plant("a forwarder"),
            "x_request_id": request_id,
        }
        self.refused = self.failed = 0

    def post(self, path, body, **headers):
        """With something secret in the query and in all headers that may hold it."""
        answer = self.fleet.post(f"{path}?{self.query}", body, **self.headers | headers)
        if answer.status_code >= 400:
            self.cage.must_not_sing(f"the body of a {answer.status_code}", answer.text)
            self.cage.must_not_sing(f"the headers of a {answer.status_code}", str(answer.headers))
        return answer

    def expect(self, status, path, body, **headers):
        answer = self.post(path, body, **headers)
        if answer.status_code != status:
            sys.exit(f"canaries: {path} answered {answer.status_code}, not {status}: {answer.text}")
        self.refused += 400 <= status < 500
        self.failed += status >= 500
        return answer

    def begin(self, *modes):
        device = self.cage.plant("a device", "dev_{}_0123456789")
        traits = {"utm_source": self.cage.plant("a trait"), "email": self.email}
        body = {"deviceId": device, "modes": modes, "traits": traits, "userId": self.email, "page": f"/?k={device}"}
        session = self.expect(200, SESSION, body, x_frontdesk_visitor=self.cage.plant("a token", "fd1.v.k1.{}.x")).json()
        self.keep(session)
        return session

    def keep(self, session):
        self.cage.keep("a client secret", session["client_secret"])
        self.cage.keep("a visitor token", session["visitor_token"])

    def sessions(self):
        hosted = self.begin("hosted")
        renewal = {"modes": ["hosted"], "currentClientSecret": hosted["client_secret"]}
        token = {"x_frontdesk_visitor": hosted["visitor_token"]}
        self.keep(self.expect(200, REFRESH, renewal, **token).json())
        guess = renewal | {"currentClientSecret": self.cage.plant("a guessed secret", "ek_{}")}
        self.keep(self.expect(200, REFRESH, guess, **token).json())
        for body in ({"deviceId": self.email}, {"workflowId": 7, "deviceId": self.words}, [self.words], self.words,
                     "{" + json.dumps(self.email), {"traits": {"utm_source": [self.words]}}):
            self.expect(400, SESSION, body)
        self.expect(404, SESSION, {"workflowId": self.cage.plant("a workflow")})
        self.expect(403, SESSION, {}, origin=f"https://{self.cage.plant('an origin')}.example")
        self.expect(404, f"/{self.cage.plant('a path')}", {"email": self.email})
        self.expect(413, SESSION, {"pad": self.words * 600})
        for status, told in ((401, 500), (400, 500), (403, 500), (429, 429), (503, 503), (500, 503)):
            self.fleet.provider.fail("/chatkit/sessions", status, times=2)
            device = self.cage.plant("a device", "dev_{}_0123456789")
            self.expect(told, SESSION, {"deviceId": device, "modes": ["hosted"], "traits": {"page": self.words}})
            self.fleet.provider.faults.clear()

    def books(self, secret):
        turn = {
            "type": "chat.turn", "session_id": "ck_1", "message": self.words, "email": self.email, "phone": self.phone,
            "score": 0.9, "first_name": self.cage.plant("a name"), "notes": {"secret": self.cage.plant("a note")},
        }
        good = {"x_frontdesk_secret": secret}
        self.expect(202, EVENTS, turn, **good)
        self.expect(401, EVENTS, turn, x_frontdesk_secret=self.cage.plant("a guessed secret"))
        for body in (self.words, "[", {"type": [self.words]}, turn | {"score": self.words}, turn | {"id": self.words},
                     turn | {"occurred_at": self.email}, turn | {"contact_id": self.email}, [turn, self.words]):
            self.expect(400, EVENTS, body, **good)
        # Sheets refuses the rows, telling everything that it was sent.
        asked = len(self.fleet.provider.asked)
        self.fleet.provider.fail(":batchUpdate", 400, times=1)
        self.expect(202, EVENTS, turn | {"message": self.cage.plant("a message", "again {}")}, **good)
        until(lambda: not self.fleet.provider.faults, "rows are refused")
        batches = lambda: [path for path, _ in self.fleet.provider.asked[asked:] if ":batchUpdate" in path]
        until(lambda: len(batches()) > 1, "rows are sent again")

    def chat(self):
        session = self.begin("self_hosted")
        bearer = {"authorization": f"Bearer {session['client_secret']}"}
        said = self.talk(say(f"I am Ann, {self.email}, {self.phone}, I want to buy. {self.words}"), bearer)
        thread = next(event["thread"]["id"] for event in said if event["type"] == "thread.created")
        self.talk(say(f"{self.words}: what is the airspeed of an unladen swallow?", thread), bearer)
        for status in (401, 429, 500, 400):
            self.fleet.provider.fail("/responses", status, times=4)
            self.talk(say(self.words, thread), bearer)
            self.fleet.provider.faults.clear()
        self.fleet.provider.fail("/moderations", 500, times=1)
        self.talk(say(self.words, thread), bearer)
        for body in (self.words, [self.email], {"type": self.words, "params": {}},
                     {"type": "threads.list", "params": {"limit": self.words}}):
            self.expect(400, CHAT, body, **bearer)
        self.expect(404, CHAT, {"type": "threads.get_by_id", "params": {"thread_id": self.words}}, **bearer)
        guess = self.cage.plant("a guessed secret", "fd1.c.k1.{}.x")
        self.expect(401, CHAT, say(self.words), authorization=f"Bearer {guess}")
        stranger = self.begin("self_hosted")
        other = {"authorization": f"Bearer {stranger['client_secret']}"}
        self.expect(404, CHAT, say(self.words, thread), **other)
        self.expect(404, CHAT, {"type": "threads.get_by_id", "params": {"thread_id": thread}}, **other)

    def members(self):
        """Somebody with a membership in the portal, and strangers with tokens that are none."""
        behind = self.fleet.provider.url
        whop = {"authorization": f"Bearer {self.fleet.credentials['whop']}", "api-version-date": "2026-10-15-1"}
        join = {"do": "member", "act": "join", "user": MEMBER, "plan": "plan_growthmonthly"}
        assert requests.post(f"{behind}/sandbox/providers", json=join, timeout=30).status_code == 204
        account = {"account_id": WHOP["WHOP_ACCOUNT_ID"]}
        found = requests.get(f"{behind}/whop/api/v1/memberships", params=account, headers=whop, timeout=30).json()
        assert "data" in found, found
        self.key = found["data"][0]["license_key"]
        self.cage.keep("a licence key", self.key)
        for form in (MEMBERS_EMAIL, urllib.parse.quote(MEMBERS_EMAIL)):
            self.cage.names[form] = "the e-mail at Whop"
        shown = {"x_whop_user_token": self.token()}
        for path in ("/portal", MEMBERSHIP, "/api/portal/actions"):
            assert self.look(path, **shown).status_code == 200
        ticket = {"subject": self.cage.plant("a ticket", "about {}"), "message": self.cage.plant("a ticket", "It broke: {}")}
        self.expect(200, SUPPORT, ticket, **shown)
        for status, told in ((400, 500), (401, 500), (503, 503)):
            self.fleet.provider.fail("/messages", status, times=9)
            self.expect(told, SUPPORT, ticket, **shown)
            self.fleet.provider.faults.clear()
        self.expect(400, SUPPORT, {"subject": [ticket["message"]]}, **shown)
        session = self.expect(200, SESSION, {"modes": ["self_hosted"], "workflowId": "client-portal"}, **shown).json()
        self.keep(session)
        bearer = {"authorization": f"Bearer {session['client_secret']}"}
        self.talk(say(f"What is my key {self.key} worth? {self.words}"), bearer | shown)
        for wrong in (
            {"signer": "stranger"}, {"claims": {"exp": 1}}, {"claims": {"aud": self.cage.plant("an app", "app_{}")}},
            {"claims": {"note": self.cage.plant("a claim")}, "signer": "nobody"},
        ):
            token = self.token(**wrong)
            for path in ("/portal", MEMBERSHIP):
                assert self.look(path, x_whop_user_token=token).status_code == 401
            self.expect(401, SESSION, {}, x_whop_user_token=token)
        event = {"type": "membership.activated", "data": {"id": self.cage.plant("an id", "mem_{}"), "email": self.email}}
        forged = {"webhook_id": "msg_1", "webhook_timestamp": "1", "webhook_signature": self.cage.plant("a signature", "v1,{}")}
        self.expect(401, "/webhooks/whop", event, **forged)
        license = lambda key: self.run("members", "license", "-", key=key)
        assert license(self.key) == 0, "the key of somebody with access"
        assert license(self.cage.plant("a guessed key", "WHOP-{}")) == 66
        self.fleet.provider.fail("/memberships/", 500, times=9)
        assert license(self.key) != 0
        self.fleet.provider.faults.clear()
        assert self.run("members", "find", "--email", MEMBERS_EMAIL) == 0
        assert self.run("reconcile", "--provider", "whop") == 0, "what no webhook brought"

    def token(self, **other):
        """What Whop's proxy would put beside a request of the member's."""
        wanted = {"user": MEMBER} | other
        answer = requests.post(f"{self.fleet.provider.url}/sandbox/whop/token", json=wanted, timeout=30).json()["token"]
        for part in answer.split(".")[1:]:
            if part:
                self.cage.keep("a user token", part)
        return answer

    def run(self, *words, key=""):
        """The operator's command, which shows no licence key; its exit code."""
        asked, where = [self.fleet.binaries / "frontdesk", *words], {"cwd": self.fleet.scratch, "env": self.fleet.inward}
        done = subprocess.run(asked, input=key, **where, capture_output=True, text=True, timeout=60)
        assert self.key not in done.stdout + done.stderr, f"a licence key in what frontdesk {words[0]} shows"
        return done.returncode

    def look(self, path, **headers):
        headers = {name.replace("_", "-"): text for name, text in (self.headers | headers).items()}
        return requests.get(f"{self.fleet.url}{path}?{self.query}", headers=headers, timeout=30)

    def talk(self, body, bearer):
        """A stream; what it tells of an error tells no more than that."""
        said = events(self.expect(200, CHAT, body, **bearer))
        for event in said:
            if event["type"] in ("error", "notice"):
                self.cage.must_not_sing("an error event", json.dumps(event))
            text = json.dumps(event)
            for own in (self.fleet.credentials["openai"], self.fleet.credentials["tokens"], "Bearer"):
                assert own not in text, f"a secret of ours is told to a visitor: {event['type']}"
        return said


def one(binaries, level, mode):
    cage, request_id = Cage(), f"heard-{secrets.token_hex(6)}"
    with Collector() as collector, tempfile.TemporaryDirectory() as scratch:
        settings = {
            "RUST_LOG": level,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }
        with Fleet(binaries, scratch, mode | settings, credentials(cage)) as fleet:
            visit = Visit(fleet, cage, request_id)
            visit.sessions()
            visit.books(fleet.credentials["events"])
            visit.chat()
            visit.members()
            fleet.stop()
            shown = json.dumps([headers for _, headers in fleet.provider.asked])
            for needed in ("openai", "google", "whop"):
                assert fleet.credentials[needed] in shown, f"the provider never saw the key of {needed}"
            told, exported = fleet.said(), collector.said()
            everything = "\n".join(told.values())
            for needed in (*SPOKEN, request_id):
                assert needed in everything, f"logs at {level} that never speak of {needed!r}"
            assert request_id in exported, "an export that never speaks of a request"
            for name, text in told.items():
                cage.must_not_sing(f"what {name} says at RUST_LOG={level}", text)
            cage.must_not_sing(f"what is exported at RUST_LOG={level}", exported)
    lines = len(re.findall("\n", everything))
    way = "in the cloud" if mode else "locally"
    print(
        f"canaries: {level} {way}: none of {len(cage.names)} in {lines} lines, {len(exported) >> 10} KiB of exports, "
        f"{visit.refused} refusals and {visit.failed} failures"
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    prove_the_search()
    for level, mode in RUNS:
        one(sys.argv[1], level, mode)


main()
