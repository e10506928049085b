#!/usr/bin/env python3
"""Events on their way out of a running `frontdesk`, as their receivers see them.

usage: deliveries.py BINARY_DIR

Receivers that answer slowly, with errors, with redirects, or not at all get every event at least once, within its
backoff and with signatures that the published `standardwebhooks` library verifies; bodies fit the schemas that
`frontdesk events types` prints; what comes back is recorded once and goes no further; the log keeps secrets.
"""

import base64
import datetime
import itertools
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import time

import requests
from jsonschema import Draft202012Validator, FormatChecker
from programs import NO_LIMITS, running, wait
from receiver import Receiver
from standardwebhooks import Webhook, WebhookVerificationError

EVENTS = "/webhooks/ajd/chat-events"
# The pause after a failure, in seconds: the first one, then twice as long; the second half of it is chance.
FIRST_PAUSE = 5.0
# What a busy machine may add.
SLACK = 3.0
TIMEOUT = 10.0


def tempers(trap):
    """What each destination does with an event, one attempt after another, before it takes it."""
    return {
        "/n8n": [(500, {})],
        "/slow": [(200, {}, 4)],
        "/errors": [(503, {}), (400, {})],
        "/throttled": [(429, {"retry-after": "2"})],
        "/unsaid": [(429, {})],
        "/moved": [(status, {"location": trap}) for status in (301, 307)],
        "/silent": ["silent"],
        "/reset": ["reset"],
    }


class Keys:
    """The signing secrets of a destination: the one in use, and the one before it."""

    def __init__(self):
        self.new, self.old = (f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}" for _ in range(2))


class Desk:
    """A running system and its command line."""

    def __init__(self, binary, directory, program):
        self.binary, self.directory, self.program = binary, directory, program

    def run(self, *words):
        environment = {"PATH": os.environ["PATH"], "FRONTDESK_DIR": str(self.directory)}
        done = subprocess.run(
            [self.binary, *words, "--json"], cwd=self.directory, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    def listed(self, state):
        return self.run("events", "list", "--state", state, "--limit", "0")["deliveries"]

    def post(self, body, **headers):
        answer = requests.post(self.program.url + EVENTS, json=body, headers=headers, timeout=20)
        assert answer.status_code == 202, f"{answer.status_code} {answer.text}"
        return answer.json()


def prove(words):
    print(f"deliveries: {words}")


def events(email):
    """What a site and a calendar tell: a stranger who talks, leaves an address, buys and books."""
    turn = {"type": "chat.turn", "session_id": "ck_1", "page": "/services"}
    return [
        {**turn, "id": "evt_turn", "session_id": "ck_2", "message": "hello"},
        {**turn, "id": "evt_lead", "message": "I want to buy", "score": 0.9, "intent": "buy_inquiry", "email": email},
        {**turn, "id": "evt_outcome", "outcome": "qualified", "email": email, "score": 0.95},
        {"type": "calendar.booked", "id": "n8n.1", "email": email, "event_start": "2027-11-01T18:00:00Z", "uid": "u1"},
        {"type": "calendar.rescheduled", "id": "n8n.2", "email": email, "event_start": "2027-11-02T18:00:00Z", "uid": "u1"},
        {"type": "calendar.cancelled", "id": "n8n.3", "email": email, "event_start": "2027-11-02T18:00:00Z", "uid": "u1"},
    ]


def due(delivery):
    return datetime.datetime.fromisoformat(delivery["due_time"]).timestamp()


def watch_the_schedule(desk, receiver):
    """What is listed as waiting after a failure is due within the pause that its number of failures allows."""
    seen, asked = 0, time.time()
    for delivery in desk.listed("waiting"):
        attempts = int(delivery.get("attempts", 0))
        if not attempts or not delivery.get("error"):
            continue
        # What came while the list was made may be in it or not.
        tries = [
            got for got in receiver.of(f"/{delivery['destination']}")
            if json.loads(got.body)["id"] == delivery["event_id"] and got.came < asked
        ]
        if len(tries) != attempts or delivery["destination"] in ("throttled", "unsaid", "silent"):
            continue
        span = FIRST_PAUSE * 2 ** (attempts - 1)
        rest = due(delivery) - (tries[-1].answered or tries[-1].came)
        assert span / 2 - 0.5 <= rest <= span + SLACK, f"{delivery} is due {rest:.1f} s after failure {attempts}"
        seen += 1
    return seen


def check_signatures(receiver, keys):
    count = 0
    for path, pair in keys.items():
        for got in receiver.of(path):
            for key in (pair.new, pair.old):
                Webhook(key).verify(got.body, got.headers)
            for wrong in (got.body + b" ", got.body.replace(b"1", b"2", 1)):
                try:
                    Webhook(pair.new).verify(wrong, got.headers)
                except WebhookVerificationError:
                    continue
                raise AssertionError(f"{path}: a changed body verifies")
            try:
                Webhook(Keys().new).verify(got.body, got.headers)
                raise AssertionError(f"{path}: a strange key verifies")
            except WebhookVerificationError:
                pass
            assert got.headers["x-frontdesk-hop"] == "1", f"{path}: {got.headers}"
            count += 1
    prove(f"{count} requests verified with standardwebhooks, by the new secret and the old one, none with another body")


def check_attempts(receiver, paths):
    """Attempts about one event have one webhook-id and one body, and come when they have to."""
    retried = 0
    for path, plan in paths.items():
        attempts = {}
        for got in receiver.of(path):
            attempts.setdefault(json.loads(got.body)["id"], []).append(got)
        for event_id, tries in attempts.items():
            assert len({got.id for got in tries}) == 1, f"{path}: {event_id} has several webhook-ids"
            assert len({got.body for got in tries}) == 1, f"{path}: {event_id} changes"
            failures = 0 if path == "/slow" else len(plan)
            assert len(tries) == failures + 1, f"{path}: {event_id} came {len(tries)} times"
            stamps = [int(got.headers["webhook-timestamp"]) for got in tries]
            assert stamps == sorted(stamps), f"{path}: {event_id} is signed at {stamps}"
            for failure, (one, other) in enumerate(itertools.pairwise(tries)):
                pause = other.came - (one.answered or one.came)
                span = FIRST_PAUSE * 2**failure
                least, most = span / 2, span
                if path == "/throttled":
                    least = most = 2.0
                if path == "/silent":
                    least, most = least + TIMEOUT, most + TIMEOUT
                # A destination that asked to be left alone is, with all of its events; and attempts about one thing,
                # here up to three, do not overlap.
                waits = SLACK + {"/throttled": 30, "/unsaid": 30, "/silent": 2 * TIMEOUT}.get(path, 0)
                assert least - 0.2 <= pause <= most + waits, f"{path}: {event_id} came again after {pause:.1f} s"
                retried += 1
    prove(f"{retried} attempts came again within their backoff, with the same webhook-id and the same body")


def check_schemas(desk, receiver, paths):
    types = {(kind["event_type"], int(kind["version"])): json.loads(kind["schema_json"])
             for kind in desk.run("events", "types")["event_types"]}
    validators = {}
    for name, schema in types.items():
        Draft202012Validator.check_schema(schema)
        validators[name] = Draft202012Validator(schema, format_checker=FormatChecker())
    told = {}
    for path in paths:
        for got in receiver.of(path):
            body = json.loads(got.body)
            name = (body["type"], body["version"])
            errors = [f"{error.json_path}: {error.message}" for error in validators[name].iter_errors(body)]
            assert not errors, f"{path}: {name} does not fit its schema: {errors}"
            told[name[0]] = told.get(name[0], 0) + 1
    assert len(told) >= 7, f"too few types were told: {told}"
    for validator in validators.values():
        assert list(validator.iter_errors({"type": "nonsense"})), "a schema that takes everything"
    prove(f"{sum(told.values())} bodies fit the schemas of their types: {', '.join(sorted(told))}")


def check_hop(desk, receiver):
    """What was sent back is recorded once and told to nobody."""
    back = json.loads(receiver.of("/n8n")[0].body)
    known = desk.post(back, **{"X-Frontdesk-Hop": "1"})
    mine = {"type": "chat.turn", "id": "evt_back", "session_id": "ck_back", "message": "changed by a flow", "score": 0.9}
    first, again = (desk.post(mine, **{"X-Frontdesk-Hop": "1"}) for _ in range(2))
    assert (first["accepted"], again["accepted"], again["duplicates"]) == (1, 0, 1), (first, again)
    # What is told after it everywhere: nothing else was waiting.
    desk.post({"type": "chat.turn", "id": "evt_last", "session_id": "ck_last", "message": "last"})
    wait(lambda: any(json.loads(got.body)["id"] == "evt_last" for got in receiver.of("/slow")), "the last event")
    wait(lambda: not desk.listed("waiting"), "everything is delivered", pause=0.5)
    told = [got.body for got in receiver.got if b"evt_back" in got.body or b"ck_back" in got.body]
    assert not told, f"an event that came back was forwarded: {told[0]}"
    rows = lambda: requests.get(f"{desk.program.url}/sandbox/sheet", timeout=20).text
    wait(lambda: "evt_last" in rows(), "the last row")
    cells = rows().count(">evt_back<")
    assert cells == 1, f"evt_back stands {cells} times in the sheet"
    duplicates = int(known["duplicates"])
    prove(f"an event that came back was recorded once and told to nobody; one of ours that came back: {duplicates} known")


def check_ends(desk, receiver, paths):
    """The lists say what the receivers saw."""
    done = desk.listed("done")
    assert not desk.listed("parked"), "something was given up"
    for path in paths:
        name = path.removeprefix("/")
        listed = {delivery["event_id"] for delivery in done if delivery["destination"] == name}
        taken = {json.loads(got.body)["id"] for got in receiver.of(path) if got.status and got.status < 300}
        assert listed == taken and len(taken) >= 8, f"{name}: listed {len(listed)}, taken {len(taken)}: {listed ^ taken}"
    assert not receiver.of("/trap"), "a redirect was followed"
    prove(f"{len(done)} deliveries to {len(paths)} destinations, each event at each; no redirect was followed")


def judge(binaries, scratch):
    directory = pathlib.Path(scratch, "desk")
    directory.mkdir()
    receiver = Receiver({})
    receiver.tempers = paths = tempers(f"{receiver.url}/trap")
    keys = {path: Keys() for path in paths}
    email, header = f"{secrets.token_hex(9)}@example.com", secrets.token_hex(16)
    listed = []
    for path in list(paths)[1:]:
        secret = f'["{keys[path].new}", "{keys[path].old}"]'
        listed.append(f'[[destination]]\nname = "{path[1:]}"\nurl = "{receiver.url}{path}"\nsecret = {secret}\n')
    file = pathlib.Path(scratch, "destinations.toml")
    file.write_text("\n".join(listed))
    settings = {
        "PORT": "0",
        "FRONTDESK_DIR": str(directory),
        "RUST_LOG": "debug",
        "N8N_WEBHOOK_URL": f"{receiver.url}/n8n",
        "N8N_SIGNING_SECRET": f"{keys['/n8n'].new},{keys['/n8n'].old}",
        "N8N_HEADER": f"X-Flow-Key: {header}",
        "EVENT_DESTINATIONS": str(file),
        **NO_LIMITS,
    }
    binary = pathlib.Path(binaries, "frontdesk").resolve()
    with running(binary, scratch, **settings) as program:
        desk = Desk(binary, directory, program)
        for event in events(email):
            assert desk.post(event)["accepted"] == 1, event
        scheduled = 0

        def finished():
            nonlocal scheduled
            scheduled += watch_the_schedule(desk, receiver)
            return not desk.listed("waiting")

        wait(finished, "every event is taken everywhere", patience=150, pause=0.5)
        assert scheduled > 5, f"only {scheduled} failures were seen in the list"
        prove(f"{scheduled} times a failure was listed with its next attempt within its backoff")
        check_attempts(receiver, paths)
        check_hop(desk, receiver)
        check_ends(desk, receiver, paths)
        check_signatures(receiver, keys)
        check_schemas(desk, receiver, paths)
        assert all(got.headers.get("x-flow-key") == header for got in receiver.of("/n8n")), "the fixed header is missing"
    said = program.log.read_text(errors="replace")
    assert "delivered" in said and "DEBUG" in said.upper(), "the log does not speak of deliveries"
    canaries = {email: "an e-mail", header: "a header"}
    for pair in keys.values():
        for key in (pair.new, pair.old):
            canaries[key.removeprefix("whsec_")] = "a signing secret"
            canaries[base64.b64decode(key.removeprefix("whsec_")).hex()] = "a signing secret in hex"
    for got in receiver.got:
        for signature in got.headers["webhook-signature"].split():
            canaries[signature.removeprefix("v1,")] = "a signature"
    for canary, what in canaries.items():
        assert canary not in said, f"{what} is in the log"
    prove(f"none of {len(canaries)} secrets and addresses is in {len(said.splitlines())} lines of log at debug")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            judge(sys.argv[1], scratch)
        except AssertionError as error:
            sys.exit(f"deliveries: {error}")


main()
