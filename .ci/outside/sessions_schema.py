"""Holds every request for a hosted session against OpenAI's published description of its ChatKit API.

usage: sessions_schema.py BIN_DIR CONTRACTS_DIR

A recording proxy stands between a running Frontdesk and the stand-in for OpenAI. Sessions of every kind are asked for
at the public door, and those that it cannot reach over gRPC: with and without version, traits and proof, with values
at and beyond their limits, refreshed, cancelled, refused by us and by the other side; then somebody is forgotten, whose
threads are listed and deleted. Each request must have a method
and path of the document, no parameter besides, the headers that its examples show, and a body that its schema takes
with no property besides: the API refuses what it does not know. So must the stand-in's answers.
"""

import base64
import copy
import json
import pathlib
import re
import sys
import tempfile
import uuid

import requests
import yaml
from jsonschema import Draft202012Validator
from programs import API_KEY, BUF, frontdesk, running
from recorder import Exchange, Recorder

PREFIX = "/openai/v1"
WORKFLOWS = {
    "pinned": 'hosted = "wf_sandbox_pinned"\nversion = "3"\npages = ["/pinned"]',
    "gone": 'hosted = "wf_gone"\npages = ["/gone"]',
}
HOSTED = "lead-concierge=wf_sandbox_lead,client-portal=wf_sandbox_portal,ops-copilot=wf_sandbox_ops"
CALLS = "frontdesk.session.v1.SessionService"
ERASE = "frontdesk.common.v1.OperationsService/ErasePerson"


# === the judge ===


class Api:
    """The document, with every object closed."""

    def __init__(self, path):
        document = yaml.safe_load(path.read_text())
        self.components = copy.deepcopy(document["components"])
        close(self.components["schemas"])
        self.operations = document["paths"]
        self.beta = re.search(r'OpenAI-Beta: ([^"\\]+)', json.dumps(self.operations["/chatkit/sessions"]))[1]

    def complaints(self, name, value):
        schema = {"$ref": f"#/components/schemas/{name}", "components": self.components}
        found = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: len(error.path))
        return [f"{name} {error.json_path}: {error.message[:160]}" for error in found]

    def operation(self, exchange):
        for template, methods in self.operations.items():
            pattern = re.sub(r"\\{\w+\\}", "([A-Za-z0-9_-]+)", re.escape(PREFIX + template))
            if re.fullmatch(pattern, exchange.path):
                return methods.get(exchange.method.lower())
        return None

    def judge(self, exchange):
        """What is wrong with a request."""
        operation = self.operation(exchange)
        if operation is None:
            return [f"the document has no {exchange}"]
        known = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
        wrong = [f"unknown parameter {name}" for name, _ in exchange.query if name not in known]
        for name, value in exchange.query:
            wrong += self.judge_parameter(name, known.get(name, {}), value)
        wanted = {"openai-beta": self.beta, "authorization": f"Bearer {API_KEY}"}
        if "requestBody" in operation:
            wanted["content-type"] = "application/json"
        elif exchange.sent:
            wrong.append("a body where the document has none")
        wrong += [
            f"header {name} is {exchange.header(name)}"
            for name, value in wanted.items()
            if exchange.header(name) != [value]
        ]
        return wrong + (self.judge_body(operation, exchange) if "requestBody" in operation else [])

    def judge_parameter(self, name, schema, value):
        """What is wrong with the value of a parameter, which is text in an address."""
        if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", value):
            value = int(value)
        found = Draft202012Validator({**schema, "components": self.components}).iter_errors(value)
        return [f"parameter {name}: {error.message[:160]}" for error in found]

    def judge_body(self, operation, exchange):
        try:
            body = exchange.body
        except ValueError:
            return ["the body is not JSON"]
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        wrong = self.complaints(name, body)
        # The document says this of the names in its prose alone.
        names = {} if wrong else body["workflow"].get("state_variables", {})
        return wrong + [
            f"state variable {name} has a longer name than 64 characters" for name in names if len(name) > 64
        ]

    def judge_answer(self, exchange):
        """What is wrong with an answer."""
        if exchange.status is None:
            return []
        if exchange.status != 200:
            return self.complaints("ErrorResponse", exchange.answer)
        success = self.operation(exchange)["responses"]["200"]["content"]["application/json"]["schema"]
        return self.complaints(success["$ref"].rsplit("/", 1)[1], exchange.answer)


def close(schema):
    """Lets no object have a property that is not named."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
        schema = schema.values()
    if not isinstance(schema, str):
        for part in schema if hasattr(schema, "__iter__") else ():
            close(part)


def broken(create, cancel, listing, deletion):
    """Requests that the judge must refuse, made of some that it took."""

    def changed(exchange, **fields):
        return Exchange(**{**vars(exchange), **fields})

    def body(change):
        value = copy.deepcopy(create.body)
        change(value)
        return changed(create, sent=json.dumps(value).encode())

    def without(exchange, name):
        return changed(exchange, headers=[(key, value) for key, value in exchange.headers if key.lower() != name])

    def state(variables):
        return body(lambda value: value["workflow"].update(state_variables=variables))

    yield "traits", body(lambda value: value.update(traits={"utm_source": "yt"}))
    yield "no user", body(lambda value: value.pop("user"))
    yield "empty user", body(lambda value: value.update(user=""))
    yield "no workflow", body(lambda value: value.pop("workflow"))
    yield "workflow by its id alone", body(lambda value: value.update(workflow=value["workflow"]["id"]))
    yield "unknown field of the workflow", body(lambda value: value["workflow"].update(slug="lead"))
    yield "null version", body(lambda value: value["workflow"].update(version=None))
    yield "version as a number", body(lambda value: value["workflow"].update(version=3))
    yield "too long a life", body(lambda value: value["expires_after"].update(seconds=601))
    yield "no life", body(lambda value: value["expires_after"].update(seconds=0))
    yield "another anchor", body(lambda value: value["expires_after"].update(anchor="now"))
    yield "a life without anchor", body(lambda value: value["expires_after"].pop("anchor"))
    yield "nested state", state({"a": {"b": "c"}})
    yield "null state", state({"a": None})
    yield "too many variables", state({f"a{i}": "b" for i in range(65)})
    yield "too long a name", state({"a" * 65: "b"})
    yield "no JSON", changed(create, sent=b"{")
    yield "no body", changed(create, sent=b"")
    yield "no beta", without(create, "openai-beta")
    yield "another beta", changed(without(create, "openai-beta"), headers=[*create.headers, ("OpenAI-Beta", "v2")])
    yield "no key", without(create, "authorization")
    yield "no content type", without(create, "content-type")
    yield "a parameter", changed(create, target=create.target + "?beta=true")
    yield "another method", changed(create, method="PUT")
    yield "another path", changed(create, target=create.target + "/")
    yield "cancelling with a body", changed(cancel, sent=b"{}")
    yield "cancelling without beta", without(cancel, "openai-beta")
    yield "cancelling nothing", changed(cancel, target=f"{PREFIX}/chatkit/sessions//cancel")
    threads = f"{PREFIX}/chatkit/threads"
    yield "threads of nobody", changed(listing, target=threads + "?user=")
    yield "too long a page", changed(listing, target=threads + "?limit=101")
    yield "no number of threads", changed(listing, target=threads + "?limit=all")
    yield "another order", changed(listing, target=threads + "?order=up")
    yield "a page by its number", changed(listing, target=threads + "?page=1")
    yield "listing without beta", without(listing, "openai-beta")
    yield "listing with a body", changed(listing, sent=b"{}")
    yield "deleting all threads", changed(deletion, target=threads)
    yield "deleting without key", without(deletion, "authorization")


# === the story ===


class Story:
    def __init__(self, desk, recorder, stand_in):
        self.desk, self.recorder, self.stand_in = desk, recorder, stand_in

    def sent(self, act, count, what):
        """The requests that an act led to; no more and no fewer than `count`."""
        before = len(self.recorder.exchanges)
        answer = act()
        found = self.recorder.exchanges[before:]
        assert len(found) == count, f"{what}: {len(found)} requests were sent to OpenAI, not {count}"
        return answer, found

    def create(self, count=1, expected=200, **fields):
        body = {"deviceId": str(uuid.uuid4()), **fields}
        answer, found = self.sent(lambda: self.desk.post("/api/chatkit/session", body, expected), count, fields)
        assert expected != 200 or answer["mode"] == "hosted", answer
        return answer, [exchange.body for exchange in found], body

    def fault(self, kind, path="", count=1):
        fault = {"provider": "openai", "path": path, "count": count, "kind": kind}
        requests.put(f"{self.stand_in}/sandbox/faults", json={"faults": [fault]}, timeout=10).raise_for_status()

    def kinds_of_workflow(self):
        answer, [plain], asked = self.create()
        assert plain["workflow"] == {"id": "wf_sandbox_lead"}, plain
        assert plain["user"] == visitor(answer), plain
        _, [], _ = self.create(count=0, **asked)
        refresh = {**asked, "currentClientSecret": answer["client_secret"]}
        self.sent(lambda: self.desk.post("/api/chatkit/refresh", refresh), 1, "refresh")
        _, [pinned], _ = self.create(page="/pinned/deep?x=1")
        assert pinned["workflow"] == {"id": "wf_sandbox_pinned", "version": "3"}, pinned
        self.create(workflowId="wf_sandbox_pinned", modes=["hosted", "self_hosted"], deviceId="Zz9-_abcdefgh" * 9)

    def traits(self):
        named = {
            "gclid": "g",
            "fbclid": "f",
            "page": "/",
            "landing_page": "/x",
            "referrer": "r",
            "locale": "de",
            "time_zone": "Europe/Berlin",
        }
        odd = {"utm_source": "=1+1", "utm_medium": 'a"b\\c\n\u0000', "utm_campaign": "Müller 🚀 \u202e"}
        _, [body], _ = self.create(traits={**named, **odd, "utm_empty": "", "email": "ann@example.com", "Utm_x": "no"})
        assert body["workflow"]["state_variables"] == {**named, **odd}, body
        many = {f"utm_{i}": "x" for i in range(90)}
        _, [body], _ = self.create(traits=many)
        assert len(body["workflow"]["state_variables"]) == 64, body
        longest = "utm_" + "n" * 60
        _, [body], _ = self.create(traits={longest: "🚀" * 600, longest + "n": "too long a name"})
        assert body["workflow"]["state_variables"] == {longest: "🚀" * 512}, body
        # More than the door takes, as another service could ask for it.
        full = {f"utm_{i:060}": "ü" * 700 for i in range(70)}
        caller = {"visitorId": "vis_" + "0" * 32}
        request = {"caller": caller, "requestId": "r", "target": {"traits": full}}
        _, [found] = self.sent(lambda: self.broker("CreateSession", request), 1, "all traits at their limits")
        state = found.body["workflow"]["state_variables"]
        assert len(state) == 64 and all(len(value) == 512 for value in state.values()), "the limits of traits"

    def members(self):
        caller = {"visitorId": "vis_" + "1" * 32, "verifiedWhopUserId": "user_" + "W" * 59}
        def portal(**member):
            return {"caller": caller, "requestId": "r", "target": {"workflow": "client-portal", **member}}

        # Who has nothing is refused, and of whom that is not known as well.
        for lacking, refused in [({}, "unavailable"), ({"member": {"status": "canceled"}}, "permission_denied")]:
            self.sent(lambda: self.broker("CreateSession", portal(**lacking), refused), 0, "no member's session")
        standing = {"member": {"plan": "Growth", "status": "active", "hasAccess": True}}
        _, [found] = self.sent(lambda: self.broker("CreateSession", portal(**standing)), 1, "a member's session")
        assert found.body["user"] == caller["verifiedWhopUserId"], found.body
        for page in ("client-portal", "ops-copilot"):
            self.create(count=0, expected=403, workflowId=page)
        self.create(count=0, expected=404, workflowId="wf_unknown")
        self.create(count=0, expected=400, traits={"utm_source": 7})

    def refused_by_openai(self):
        _, [body], _ = self.create(expected=500, page="/gone")
        assert body["workflow"]["id"] == "wf_gone", body
        for kind, count, expected in [
            ({"type": "status", "status": 503}, 2, 503),
            ({"type": "status", "status": 401}, 1, 500),
            ({"type": "rate_limited", "retry_after_s": 30}, 1, 429),
            ({"type": "applied_no_answer"}, 2, 503),
        ]:
            self.fault(kind, count=count)
            self.create(count=count, expected=expected)
        requests.delete(f"{self.stand_in}/sandbox/faults", timeout=10).raise_for_status()

    def cancelled(self):
        self.cancel({})
        # One that OpenAI has forgotten counts as cancelled.
        self.cancel({"page": "/pinned"}, unknown=True)

    def cancel(self, fields, unknown=False):
        answer, (made,) = self.sent(lambda: self.desk.post("/api/chatkit/session", fields), 1, "create")
        request = {"caller": {"visitorId": visitor(answer)}, "requestId": "r", "sessionId": made.answer["id"]}
        stranger = {**request, "caller": {"visitorId": "vis_" + "2" * 32}}
        self.sent(lambda: self.broker("CancelSession", stranger, "not_found"), 0, "cancel by a stranger")
        if unknown:
            self.fault({"type": "status", "status": 404}, path="/cancel")
        _, [found] = self.sent(lambda: self.broker("CancelSession", request), 1, "cancel")
        assert found.path.endswith(f"/{made.answer['id']}/cancel"), found
        self.sent(lambda: self.broker("CancelSession", request), 0, "cancel again")

    def forgotten(self):
        answer, (made,) = self.sent(lambda: self.desk.post("/api/chatkit/session", {}), 1, "create")
        user, member = visitor(answer), "user_" + "V" * 59
        threads = {whose: [self.talk(whose) for _ in range(2)] for whose in (user, member)}
        kept = self.talk("vis_" + "3" * 32)
        person = {"visitorIds": [user], "whopUserIds": [member], "emails": ["ann@example.com"]}
        request = {"erasureId": "era_1", "person": person}
        told, found = self.sent(lambda: self.desk.call("session-broker", ERASE, request, None), 9, "forgetting")
        assert told["done"], told
        assert found[0].path.endswith(f"/{made.answer['id']}/cancel"), found[0]
        deleted = [exchange.path.rsplit("/", 1)[1] for exchange in found if exchange.method == "DELETE"]
        assert deleted == threads[user] + threads[member] and kept not in deleted, deleted
        # One that OpenAI has forgotten counts as deleted, and what it says twice is believed.
        self.talk(user)
        self.fault({"type": "status", "status": 404}, path="DELETE")
        told, found = self.sent(lambda: self.desk.call("session-broker", ERASE, request, None), 3, "forgetting again")
        assert not told.get("done") and [each.method for each in found] == ["GET", "DELETE", "GET"], told
        self.fault({"type": "rate_limited", "retry_after_s": 30}, path="/threads")
        told, _ = self.sent(lambda: self.desk.call("session-broker", ERASE, request, None), 1, "forgetting at a limit")
        assert "30 s" in told["waitingFor"], told
        self.sent(lambda: self.desk.call("session-broker", ERASE, request, None), 0, "forgetting before the limit ends")

    def talk(self, user):
        """Somebody talks in a hosted chat; the thread's id."""
        made = requests.post(f"{self.stand_in}/sandbox/threads", json={"user": user}, timeout=10)
        made.raise_for_status()
        return made.json()["id"]

    def broker(self, method, request, refused=None):
        return self.desk.call("session-broker", f"{CALLS}/{method}", request, refused)

    def tell(self):
        chapters = [self.kinds_of_workflow, self.traits, self.members, self.refused_by_openai, self.cancelled]
        for chapter in [*chapters, self.forgotten]:
            chapter()


def visitor(answer):
    """The visitor whose token an answer holds."""
    payload = answer["visitor_token"].split(".")[3]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["s"]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    api = Api(pathlib.Path(sys.argv[2]) / "openai-chatkit-subset.yaml")
    assert BUF.exists(), f"{BUF} is missing"
    bins = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch, running(bins / "examples" / "alone", scratch) as stand_in:
        directory = pathlib.Path(scratch) / "desk"
        workflows = directory / "workflows"
        workflows.mkdir(parents=True)
        for slug, rest in WORKFLOWS.items():
            common = f'title = "{slug}"\naudience = "anyone"\ninstructions = "Help."\n'
            (workflows / f"{slug}.toml").write_text(common + rest)
        settings = {"WORKFLOWS_DIR": str(workflows), "CHATKIT_WORKFLOW_ID": HOSTED}
        with Recorder(stand_in.url) as recorder:
            with frontdesk(bins, directory, recorder.url, stand_in.url, **settings) as desk:
                Story(desk, recorder, stand_in.url).tell()
        report(api, recorder.exchanges)


def report(api, exchanges):
    for exchange in exchanges:
        wrong = api.judge(exchange)
        assert not wrong, f"{exchange}: {wrong}"
        wrong = api.judge_answer(exchange)
        assert not wrong, f"the stand-in's answer {exchange.status} to {exchange}: {wrong}"
    creates = [exchange for exchange in exchanges if exchange.path.endswith("/sessions")]
    cancels = [exchange for exchange in exchanges if exchange.path.endswith("/cancel")]
    assert len(creates) >= 15 and len(cancels) >= 2, f"{len(creates)} creates and {len(cancels)} cancels were sent"
    listings = [exchange for exchange in exchanges if exchange.path.endswith("/threads")]
    deletions = [exchange for exchange in exchanges if exchange.method == "DELETE"]
    assert len(listings) >= 7 and len(deletions) >= 5, f"{len(listings)} lists and {len(deletions)} deletions were sent"
    refusals = list(broken(creates[0], cancels[0], listings[0], deletions[0]))
    for name, exchange in refusals:
        assert api.judge(exchange), f"the check itself takes a broken request: {name}"
    statuses = ", ".join(sorted({str(exchange.status) for exchange in exchanges}))
    sent = f"{len(creates)} creates, {len(cancels)} cancels, {len(listings)} lists and {len(deletions)} deletions"
    print(f"openai sessions: {sent} are what the API takes, whatever it answered ({statuses})")
    print(f"openai sessions: {len(refusals)} broken ones are refused by the same check")


main()
