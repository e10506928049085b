#!/usr/bin/env python3
"""Schemathesis against the REST of a running Frontdesk and the document that it serves.

usage: rest.py FRONTDESK_BINARY

Two passes, each with a process of its own: without limits, in which every operation has to answer 2xx at least once,
and with tight limits, in which every limited one has to answer 429. All checks of schemathesis are on.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import requests
from programs import NO_LIMITS

HERE = pathlib.Path(__file__).resolve().parent
SEED = "20251028"
SHARED = "example-events-secret-4f1c"
OPERATOR = "example-operator-token-7a20"
MCP = "example-concierge-token-19d3"
SESSION, REFRESH, CHAT = "/api/chatkit/session", "/api/chatkit/refresh", "/chatkit"
OFF = NO_LIMITS | {"LIMIT_TOKENS_DAY": "off", "BUDGET_DAY": "off"}
TIGHT = OFF | {"LIMIT_IP": "20/h:20", "LIMIT_CHAT": "2/h:2"}
# What a positive request of the chat protocol can be made to succeed with; the others need a form, a pending call of
# a browser tool or a widget, and are answered 404 or 409.
TALK = (
    "threads.create", "threads.add_user_message", "threads.retry_after_item", "threads.get_by_id", "threads.list",
    "threads.update", "threads.delete", "items.list", "items.feedback",
)
# Nobody but a provider can sign a webhook, and unsigned ones are never read; a link's token is signed too. What they
# answer is proved by the stories.
SIGNED = ("POST /webhooks/calcom", "POST /webhooks/stripe", "POST /webhooks/whop", "GET /checkout/{token}")
# Who looks into the portal, and what they have there.
MEMBER, PLAN = "user_mara", "plan_growthmonthly"
# What is too long may be too large as well.
CONFIG = """[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 428, 429, "5xx"]
"""


class Desk:
    """A Frontdesk of its own, stopped at the end."""

    def __init__(self, binary, scratch, settings):
        own = {"PORT": "0", "FRONTDESK_DIR": f"{scratch}/desk", "RUST_LOG": "warn"}
        given = {"CHATKIT_WORKFLOW_ID": "wf_sandbox_lead", "EVENTS_WEBHOOK_SECRET": SHARED, "OPERATOR_TOKEN": OPERATOR}
        given["MCP_TOKENS"] = f"lead-concierge:{MCP}"
        environment = {"PATH": os.environ["PATH"], **own, **given, **settings}
        self.log = open(f"{scratch}/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [binary], cwd=scratch, env=environment, stdout=self.log, stderr=subprocess.STDOUT
        )

    def __enter__(self):
        for _ in range(200):
            said = pathlib.Path(self.log.name).read_text(encoding="utf-8")
            found = re.search(r"gateway +(http://127\.0\.0\.1:\d+)", said)
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"rest: frontdesk did not start:\n{said}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def run(base, scratch, *options):
    """One run of schemathesis; answers how often each operation answered what."""
    answer = requests.post(base + SESSION, json={"modes": ["self_hosted"]}, timeout=10)
    answer.raise_for_status()
    joined = {"do": "member", "act": "join", "user": MEMBER, "plan": PLAN}
    requests.post(f"{base}/sandbox/providers", json=joined, timeout=10).raise_for_status()
    hooks = {
        "SCHEMATHESIS_HOOKS": "rest_hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "REST_BASE": base,
        "REST_SECRET": answer.json()["client_secret"],
        "REST_SHARED": SHARED,
        "REST_OPERATOR": OPERATOR,
        "REST_MCP": MCP,
        "REST_MEMBER": MEMBER,
        "REST_TALLY": f"{scratch}/tally.json",
    }
    # From a file: schemathesis leaves out the operation that it has the document from.
    document = pathlib.Path(scratch, "openapi.json")
    document.write_bytes(requests.get(f"{base}/openapi.json", timeout=10).content)
    pathlib.Path(scratch, "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    command = [
        pathlib.Path(sys.executable).with_name("schemathesis"), "run", document, "--url", base, "--checks", "all",
        "--seed", SEED, "--request-timeout", "20", "--no-color", "--continue-on-failure", "--warnings", "off", *options,
    ]
    done = subprocess.run(
        command, cwd=scratch, env=os.environ | hooks, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        sys.exit(f"rest: schemathesis found something:\n{done.stdout}")
    cases = re.search(r"(\d+) generated", done.stdout)
    return json.loads(pathlib.Path(scratch, "tally.json").read_text(encoding="utf-8")), int(cases[1])


def count(tally, name, digit):
    return sum(times for status, times in tally.get(name, {}).items() if status.startswith(digit))


def refuse_if(missing, words):
    if missing:
        sys.exit(f"rest: {words}: {', '.join(missing)}")


def without_limits(binary, scratch):
    with Desk(binary, scratch, OFF) as base:
        paths = requests.get(f"{base}/openapi.json", timeout=10).json()["paths"]
        tally, cases = run(base, scratch, "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50")
    operations = [f"{method.upper()} {path}" for path, item in paths.items() for method in item]
    open_ones = [name for name in operations if name not in SIGNED]
    refuse_if([name for name in open_ones if not count(tally, name, "2")], "never answered 2xx")
    refuse_if([name for name in SIGNED if count(tally, name, "2")], "answered 2xx without a signature")
    refuse_if([name for name in SIGNED if not count(tally, name, "40")], "never refused")
    of_members = [name for name in operations if name.startswith("POST /api/portal/")]
    refuse_if([name for name in of_members if not count(tally, name, "404")], "never 404")
    talk = [f"POST {CHAT} {kind}" for kind in TALK]
    refuse_if([name for name in talk if not count(tally, name, "2")], "never answered 2xx")
    refuse_if([name for name in open_ones if name.startswith("POST") and not count(tally, name, "400")], "never 400")
    print(f"rest: {cases} cases over {len(operations)} operations, and no answer outside the document")
    for name in operations:
        answers = ", ".join(f"{status} {times}x" for status, times in sorted(tally[name].items()))
        print(f"rest:   {name}: {answers}")
    print(f"rest: {len(talk)} kinds of chat request answered 2xx")


def with_limits(binary, scratch):
    with Desk(binary, scratch, TIGHT) as base:
        tally, cases = run(base, scratch, "--phases", "examples,fuzzing", "--max-examples", "25")
    limited = [f"POST {path}" for path in (SESSION, REFRESH, CHAT)]
    refuse_if([name for name in limited if not count(tally, name, "429")], "never limited")
    times = ", ".join(f"{name} {count(tally, name, '429')}x" for name in limited)
    print(f"rest: {cases} cases with limits, each 429 as documented: {times}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    for judge in (without_limits, with_limits):
        with tempfile.TemporaryDirectory() as scratch:
            judge(binary, scratch)


main()
