"""What schemathesis is told of Frontdesk so that it reaches the happy path, and our own rules for every answer.

Loaded by rest.py through SCHEMATHESIS_HOOKS. Valid requests get a client secret that counts, threads that exist and,
now and then, a page's origin; invalid ones are sent as they were made. At the end the answers of each operation are
counted into REST_TALLY.
"""

import atexit
import collections
import itertools
import json
import os
import re
import time

import requests
import schemathesis
from jsonschema import Draft202012Validator

BASE, SECRET, SHARED, TOKEN, MEMBER, AGENT = (
    os.environ[f"REST_{name}"] for name in ("BASE", "SECRET", "SHARED", "OPERATOR", "MEMBER", "MCP")
)
HERE, ELSEWHERE = "http://localhost:3000", "https://elsewhere.example"
DEVICE = "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11"
CHAT, EVENTS, OPERATOR, ERASE = "/chatkit", "/webhooks/ajd/chat-events", "/api/operator/", "/erase"
CHECKOUT = "/checkout/{token}"
TOOLS, CONCIERGE = "/mcp/{workflow}", "lead-concierge"
PORTAL, PORTAL_PAGE, RUN, CANCEL = "/api/portal/", "/portal", "/actions/{action_id}", "/cancel"
SESSIONS, USER_TOKEN = ("/api/chatkit/session", "/api/chatkit/refresh"), "X-Whop-User-Token"
PAGES = (CHECKOUT, PORTAL_PAGE)
ACTIONS = ("files", "support", "upgrade")
# A token of the stand-in lives ten minutes.
TOKEN_AGE = 300
IDENTITIES = ("email", "phone", "whop_user_id")
PERSON = {"email": "ann@example.com", "phone": "+4930901820", "first_name": "Ann"}
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

contract = requests.get(f"{BASE}/openapi.json", timeout=10).json()
PROBLEM = Draft202012Validator({"$ref": "#/components/schemas/Problem", **contract})
tally = collections.defaultdict(collections.Counter)
turn = itertools.count()


@schemathesis.auth().apply_to(path=CHAT)
class ClientSecret:
    def get(self, case, context):
        return SECRET

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth().apply_to(path_regex=f"^{OPERATOR}")
class OperatorToken:
    def get(self, case, context):
        return TOKEN

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth().apply_to(path=TOOLS)
class AgentToken:
    def get(self, case, context):
        return AGENT

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


class UserToken:
    """What Whop's proxy says of the member who looks, made anew before it ends."""

    def __init__(self):
        self.made, self.token = None, None

    def use(self):
        if self.made is None or time.monotonic() - self.made > TOKEN_AGE:
            answer = requests.post(f"{BASE}/sandbox/whop/token", json={"user": MEMBER}, timeout=20)
            answer.raise_for_status()
            self.made, self.token = time.monotonic(), answer.json()["token"]
        return self.token


user_token = UserToken()


@schemathesis.auth(refresh_interval=TOKEN_AGE).apply_to(path_regex=f"^({PORTAL}|{PORTAL_PAGE}$)")
class ThroughWhop:
    def get(self, case, context):
        return user_token.use()

    def set(self, case, data, context):
        case.headers[USER_TOKEN] = data


class Contacts:
    """People in the books, each made when first asked for: one who stays, and others who are forgotten."""

    def __init__(self):
        self.kept = self.forgotten = None

    def ask(self, path, body=None):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(f"{BASE}{OPERATOR}{path}", json=body, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def use(self):
        self.kept = self.kept or self.ask("contacts", PERSON)["contact"]["id"]
        return self.kept

    def make(self):
        return self.ask("contacts", {"whop_user_id": f"user_{next(turn)}"})["contact"]["id"]

    def forget(self):
        self.forgotten = self.forgotten or self.ask(f"contacts/{self.make()}/erase")
        return self.forgotten


contacts = Contacts()


class Threads:
    """A thread of this visitor, made when first asked for, with a message of each side."""

    def __init__(self):
        self.kept = None

    def make(self):
        text = {"type": "input_text", "text": "Hello there"}
        body = {"type": "threads.create", "params": {"input": {"content": [text]}}}
        answer = requests.post(BASE + CHAT, json=body, headers={"Authorization": f"Bearer {SECRET}"}, timeout=20)
        if answer.status_code == 429:
            return None
        answer.raise_for_status()
        events = [json.loads(frame[6:]) for frame in answer.text.split("\n\n") if frame]
        thread = next(event["thread"]["id"] for event in events if event["type"] == "thread.created")
        items = [event["item"] for event in events if event["type"] == "thread.item.done"]
        by_type = {item["type"]: item["id"] for item in items}
        return {"thread": thread, "asked": by_type["user_message"], "said": by_type["assistant_message"]}

    def use(self):
        self.kept = self.kept or self.make()
        return self.kept


threads = Threads()
NEED_THREAD = {
    "threads.add_user_message", "threads.get_by_id", "threads.update", "threads.delete", "threads.retry_after_item",
    "items.list", "items.feedback",
}


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def point_at_something(body):
    """Puts ids that exist where the generator can only guess."""
    kind, params = body["type"], body["params"]
    if kind in ("threads.list", "items.list"):
        params.pop("after", None)
    if kind not in NEED_THREAD:
        return
    found = threads.make() if kind == "threads.delete" else threads.use()
    if found is None:
        return
    params["thread_id"] = found["thread"]
    if kind == "threads.retry_after_item":
        params["item_id"] = found["asked"]
    if kind == "items.feedback":
        params["item_ids"] = [found["said"]]


def guessed(contact_id):
    """Not an id of the books: that may be of somebody who is forgotten, or shall stay."""
    return bool(contact_id) and not str(contact_id).startswith("con_")


def spare_who_stays(case, at):
    """An erasure is never of somebody whom other cases need. It waits for the spreadsheet, so most are of somebody who
    is forgotten already."""
    if not guessed(case.path_parameters["contact_id"]) or (is_positive(case) and at % 3):
        case.path_parameters["contact_id"] = contacts.make() if at % 7 == 1 else contacts.forget()["contact_id"]


def ask_for_a_thread(case, at):
    """What no JSON schema says: where a list goes on, what a visitor's id is, and that words are more than blanks. Every
    third thread is not there."""
    for name in ("after", "visitor"):
        (case.query or {}).pop(name, None)
    if case.path_parameters:
        case.path_parameters["thread_id"] = threads.use()["thread"] if at % 3 else f"thr_nothing{at}"
    if isinstance(case.body, dict):
        case.body |= {"text": "I look into it.", "author": "Anna"}


def ask_for_somebody(case, at):
    """What no JSON schema says: that one of several is needed, what a phone is, that all have to be one person's, and
    what excludes what. Every third id of a person stays as it was guessed."""
    path, query, body = case.operation.path, case.query or {}, case.body if isinstance(case.body, dict) else None
    if at % 3 and "contact_id" in (case.path_parameters or {}) and not path.endswith(ERASE):
        case.path_parameters["contact_id"] = contacts.use()
    if at % 3 and "erasure_id" in (case.path_parameters or {}):
        case.path_parameters["erasure_id"] = contacts.forget()["id"]
    if case.headers.get("Idempotency-Key"):
        # The same key with another body is refused.
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:100]}{at}"
    if path.startswith(f"{OPERATOR}threads"):
        ask_for_a_thread(case, at)
    if path == f"{OPERATOR}rows/{{tab}}":
        query.pop("after", None)
        if query.get("contact_id"):
            query.pop("state", None)
    for given in filter(None, (query, body) if path == f"{OPERATOR}contacts" else ()):
        given |= {name: PERSON[name] for name in ("email", "phone") if given.get(name)}
        if given.get("email") or given.get("phone"):
            given.pop("whop_user_id", None)
    if path == f"{OPERATOR}contacts" and case.method.upper() == "GET" and not (set(query) & set(IDENTITIES)):
        case.query = {"email": PERSON["email"]}
    if path == f"{OPERATOR}contacts" and body is not None and not any(body.get(name) for name in IDENTITIES):
        body["email"] = PERSON["email"]
    if path == f"{OPERATOR}leads" and body is not None and (at % 3 or not guessed(body.get("contact_id"))):
        body.pop("lead_id", None)
        body["contact_id"] = contacts.use()


class Membership:
    """What the member has, asked for once."""

    def __init__(self):
        self.kept = None

    def use(self):
        if self.kept is None:
            answer = requests.get(f"{BASE}{PORTAL}membership", headers={USER_TOKEN: user_token.use()}, timeout=20)
            answer.raise_for_status()
            self.kept = answer.json()["memberships"][0]["id"]
        return self.kept


membership = Membership()


def ask_as_a_member(case, at):
    """What no JSON schema says: which actions there are, that a ticket has words, and that nothing ends without a yes.
    Every third id is of nothing."""
    path, given = case.operation.path, case.path_parameters or {}
    if case.headers.get("Idempotency-Key"):
        # The same key with another body is refused.
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:100]}{at}"
    if path.endswith(RUN):
        given["action_id"] = ACTIONS[at % 7 % 3] if at % 3 else f"nothing-{at}"
        case.body = {"subject": "A broken automation", "message": "New leads do not reach the sheet."}
    if path.endswith(CANCEL):
        given["membership_id"] = membership.use() if at % 3 else f"mem_nothing{at}"
        if isinstance(case.body, dict):
            case.body["confirmed"] = True


@schemathesis.hook
def before_call(context, case, kwargs):
    at = next(turn)
    if at % 5 == 1:
        case.headers["Origin"] = HERE
    # A stranger's page is refused before anything else, so it would hide a 405 or 401.
    shown = {"Authorization", USER_TOKEN} & set(case.headers) or not case.operation.path.startswith((OPERATOR, PORTAL, TOOLS))
    if at % 11 == 3 and shown and case.method.upper() == case.operation.method.upper():
        case.headers["Origin"] = ELSEWHERE
    # Without the secret nothing of an event is looked at.
    if case.operation.path == EVENTS and at % 7:
        case.headers["X-Frontdesk-Secret"] = SHARED
    if case.operation.path.endswith(ERASE):
        spare_who_stays(case, at)
    if is_positive(case) and case.operation.path.startswith(OPERATOR):
        ask_for_somebody(case, at)
    if is_positive(case) and case.operation.path.startswith(PORTAL):
        ask_as_a_member(case, at)
    # Of the actions a ticket alone reads its body, so that it can be wrong.
    if not is_positive(case) and case.operation.path.endswith(RUN) and case.path_parameters:
        if case.path_parameters.get("action_id") in ACTIONS:
            case.path_parameters["action_id"] = "support"
    # A token that Whop did not make is refused, whatever else there is.
    if is_positive(case) and case.operation.path in SESSIONS:
        case.headers.pop(USER_TOKEN, None)
    # Of the workflows one has tools for agents here; every fifth is guessed.
    if case.operation.path == TOOLS and at % 5 and case.path_parameters:
        case.path_parameters["workflow"] = CONCIERGE
    if not is_positive(case) or not isinstance(case.body, dict):
        return
    device = case.body.get("deviceId")
    # A JSON schema cannot say that an id has to look random.
    if isinstance(device, str) and len(set(device)) < 6:
        case.body["deviceId"] = DEVICE
    # Every other one keeps what was guessed: a thread that is not there is judged too.
    if case.operation.path == CHAT and at % 2:
        point_at_something(case.body)


def name_of(case):
    name = f"{case.method.upper()} {case.operation.path}"
    asked = case.body.get("type") if isinstance(case.body, dict) else None
    return name, f"{name} {asked}" if is_positive(case) and case.operation.path == CHAT else None


@schemathesis.hook
def after_call(context, case, response):
    for name in filter(None, name_of(case)):
        tally[name][str(response.status_code)] += 1


def header(response, name):
    return ", ".join(response.headers.get(name.lower(), []))


def must(condition, words):
    if not condition:
        raise AssertionError(words)


@schemathesis.check
def house_rules(ctx, response, case):
    """What holds for every answer, also for those that the document does not list: 404, 405."""
    status, request_id = response.status_code, header(response, "X-Request-Id")
    must(REQUEST_ID.fullmatch(request_id), "an answer without x-request-id")
    must(header(response, "X-Content-Type-Options") == "nosniff", "an answer that may be sniffed")
    must("origin" in header(response, "Vary").lower(), "an answer that does not vary by origin")
    sent, allowed = response.request.headers.get("Origin"), header(response, "Access-Control-Allow-Origin")
    expected = HERE if sent == HERE and not case.operation.path.startswith("/webhooks/") else ""
    must(allowed == expected, f"origin {sent} was allowed {allowed!r}")
    must(status != 422, "malformed is 400, never 422")
    must(status != 405 or header(response, "Allow"), "405 without Allow")
    if status < 400:
        return
    # People look at these: what they refuse is a page.
    if case.operation.path in PAGES and case.method.upper() == "GET":
        must(header(response, "Content-Type") == "text/html; charset=utf-8", f"{status} that is no page")
        return
    must(header(response, "Content-Type") == "application/problem+json", f"{status} that is no problem document")
    problem = response.json()
    errors = sorted(error.message for error in PROBLEM.iter_errors(problem))
    must(not errors, f"{status} that is no problem: {errors}")
    must(problem["status"] == status, "a problem of another status")
    must(problem["request_id"] == request_id, "a problem of another request")
    must(problem["error"] and "\n" not in problem["error"], "a problem without its one line")
    if status == 429 and problem["reason"] == "RATE_LIMITED":
        for name in ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"):
            must(header(response, name).isdigit(), f"429 without {name}")


@atexit.register
def write_tally():
    with open(os.environ["REST_TALLY"], "w", encoding="utf-8") as file:
        json.dump(tally, file)
