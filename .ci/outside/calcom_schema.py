"""Holds requests to Cal.com, and the stand-in's answers, against the published description of Cal.com's API v2.

usage: calcom_schema.py BIN_DIR CONTRACTS_DIR    leads the stand-in through all that it answers, and mutates what it takes
       calcom_schema.py URL CONTRACTS_DIR        reads the log of a stand-in that served somebody, e.g. a running Frontdesk

Every object is closed: a member that the description does not name is a fault, which the description itself does not
say. Where it is behind the service, EXCEPTIONS says how and why.
"""

import copy
import datetime
import json
import pathlib
import re
import sys
import tempfile
import urllib.parse

import requests
from jsonschema import Draft202012Validator
from programs import running

KEY = "cal_test_sandbox0000000000000000000000"
PREFIX = "/calcom"
INTRO, CONSULT = 3041101, 3041102
SLOT = {"type": "object", "properties": {"start": {"type": "string"}, "end": {"type": "string"}}, "required": ["start"]}

# What the description says and why it is not taken at its word.
EXCEPTIONS = {
    # Its schema shows the data without the envelope and slots as texts; its own example beside it shows these.
    ("get", "/v2/slots"): {
        "type": "object",
        "properties": {
            "status": {"enum": ["success"]},
            "data": {"type": "object", "additionalProperties": {"type": "array", "items": SLOT}},
        },
        "required": ["status", "data"],
    },
    # It shows an example only.
    ("delete", "/v2/slots/reservations/{uid}"): {
        "type": "object",
        "properties": {"status": {"enum": ["success"]}},
        "required": ["status"],
    },
    # Its schema of what is wrapped has the name of the wrapper, so that it holds itself; this is the wrapped one,
    # `ReserveSlotOutput_2024_09_04` without the duration.
    ("get", "/v2/slots/reservations/{uid}"): {
        "type": "object",
        "properties": {
            "status": {"enum": ["success"]},
            "data": {
                "anyOf": [{"$ref": "#/components/schemas/ReserveSlotOutput_2024_09_04_shown"}, {"type": "null"}]
            },
        },
        "required": ["status", "data"],
    },
}
# "This property is always true", and `required` of an address may be false: both are called objects.
TRUTHS = {"isDefault", "required"}


def close(schema, name=None):
    """A schema of OpenAPI 3.0 as one of JSON Schema, its objects closed, its choices open to more than one fit."""
    if isinstance(schema, list):
        return [close(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: value for key, value in schema.items() if key not in ("example", "nullable", "discriminator")}
    properties = closed.pop("properties", None)
    closed = {key: close(value) for key, value in closed.items()}
    if properties is not None:
        closed["properties"] = {key: close(value, key) for key, value in properties.items()}
        closed.setdefault("additionalProperties", False)
    if "oneOf" in closed:
        closed["anyOf"] = closed.pop("oneOf")
    if name in TRUTHS and closed.get("type") == "object":
        closed["type"] = "boolean"
    return {"anyOf": [closed, {"type": "null"}]} if schema.get("nullable") else closed


def answer_mutants(body):
    """Answers with a member too many, in the envelope and in what is in it."""
    yield {**body, "zone": "UTC"}
    data = body.get("data")
    if isinstance(data, list) and data:
        yield {**body, "data": [{**data[0], "zone": "UTC"}, *data[1:]]}
    elif data:
        yield {**body, "data": {**data, "zone": "UTC"}}


class Description:
    def __init__(self, contracts):
        spec = json.loads((pathlib.Path(contracts) / "calcom.v2.cal-diy.openapi.json").read_text())
        self.paths = spec["paths"]
        schemas = spec["components"]["schemas"]
        shown = copy.deepcopy(schemas["ReserveSlotOutput_2024_09_04"])
        del shown["properties"]["reservationDuration"]
        shown["required"].remove("reservationDuration")
        schemas["ReserveSlotOutput_2024_09_04_shown"] = shown
        self.components = {"schemas": {name: close(schema) for name, schema in schemas.items()}}

    def operation(self, method, path):
        """The path of the description and its operation; one without parameters in it comes first."""
        for template in sorted(self.paths, key=lambda template: template.count("{")):
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in self.paths[template]:
                return template, self.paths[template][method.lower()]
        raise AssertionError(f"{method} {path}: not described")

    def faults(self, schema, value):
        validator = Draft202012Validator({**schema, "components": self.components})
        return [f"{'/'.join(map(str, error.path))}: {error.message[:160]}" for error in validator.iter_errors(value)]

    def check_request(self, asked):
        """What is wrong with a request, as the stand-in's log has it; nothing if it is fine."""
        url = urllib.parse.urlsplit(asked["path"].removeprefix(PREFIX))
        try:
            template, operation = self.operation(asked["method"], url.path)
        except AssertionError as error:
            return None, [str(error)]
        faults = [] if asked["bearer"] else ["no key"]
        known = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
        version = known.get("cal-api-version")
        if version and asked["api_version"] != version["schema"]["default"]:
            faults.append(f"cal-api-version is {asked['api_version']}")
        query = urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
        for name, text in query:
            if known.get(name, {}).get("in") != "query":
                faults.append(f"{name}: no such parameter")
            else:
                faults += [f"{name}: {fault}" for fault in self.parameter_faults(known[name]["schema"], text)]
        given = [name for name, _ in query]
        faults += [f"{name} is given twice" for name in set(given) if given.count(name) > 1]
        needed = (name for name, one in known.items() if one["in"] == "query" and one.get("required"))
        faults += [f"{name} is missing" for name in needed if name not in given]
        return f"{asked['method']} {template}", faults + self.body_faults(operation, asked["body"])

    def parameter_faults(self, schema, text):
        value = text
        if schema.get("type") == "number":
            value = float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
        if schema.get("type") == "array":
            value = text.split(",")
        return self.faults(close(schema), value)

    def body_faults(self, operation, body):
        described = operation.get("requestBody")
        if described is None:
            return [] if body in (None, {}) else ["a body that is not described"]
        if body is None:
            # Nest reads no body as one without members.
            body = {}
        return self.faults(close(described["content"]["application/json"]["schema"]), body)

    def check_answer(self, method, path, status, body):
        template, operation = self.operation(method, path)
        assert str(status) in operation["responses"], f"{method} {template}: {status} is not described: {body}"
        schema = EXCEPTIONS.get((method.lower(), template))
        if schema is None:
            schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        faults = self.faults(close(schema), body)
        assert not faults, f"answer to {method} {template}: {faults[:4]}"
        for mutant in answer_mutants(body):
            assert self.faults(close(schema), mutant), f"answer to {method} {template}: a wrong one is fine too"
        return template


class Story:
    """Leads the stand-in through all that it answers."""

    def __init__(self, url, description):
        self.url, self.description = url, description
        self.answered = set()

    def ask(self, method, path, body=None, **query):
        version = {"bookings": "2024-08-13", "slots": "2024-09-04", "event-types": "2024-06-14"}.get(path.split("/")[0])
        headers = {"Authorization": f"Bearer {KEY}", **({"cal-api-version": version} if version else {})}
        url = f"{self.url}{PREFIX}/v2/{path}"
        answer = requests.request(method, url, params=query, json=body, headers=headers, timeout=30)
        template = self.description.check_answer(method, f"/v2/{path}", answer.status_code, answer.json())
        self.answered.add(f"{method} {template}")
        return answer.json().get("data")

    def press(self, **action):
        requests.post(f"{self.url}/sandbox/providers", json=action, timeout=30).raise_for_status()

    def slots(self, event_type, **query):
        today = datetime.datetime.now(datetime.UTC).date()
        days = {"start": str(today + datetime.timedelta(1)), "end": str(today + datetime.timedelta(14))}
        found = self.ask("GET", "slots", eventTypeId=event_type, **days, **query)
        return [slot["start"] for day in sorted(found) for slot in found[day]]

    def book(self, start, event_type=INTRO, **more):
        attendee = {"name": "Ann Example", "email": "ann@example.com", "timeZone": "America/New_York", "language": "en"}
        body = {"start": start, "eventTypeId": event_type, "attendee": attendee, "metadata": {"lead": "l_1"}, **more}
        return self.ask("POST", "bookings", body)

    def lead(self):
        self.ask("GET", "me")
        kinds = self.ask("GET", "event-types", sortCreatedAt="asc")
        assert [kind["id"] for kind in kinds] == [INTRO, CONSULT]
        self.ask("GET", f"event-types/{CONSULT}")
        self.ask("GET", "slots", eventTypeId=INTRO, start="2050-09-03", end="2050-09-04")
        assert self.slots(CONSULT, format="range", timeZone="Asia/Kolkata")
        starts = self.slots(INTRO)
        self.reservations(starts)
        first = self.book(starts[0], guests=["guest@example.com"], bookingFieldsResponses={"topic": "x"})
        self.ask("GET", f"bookings/{first['uid']}")
        move = {"start": starts[3], "reschedulingReason": "ill", "rescheduledBy": "ann@example.com"}
        second = self.ask("POST", f"bookings/{first['uid']}/reschedule", move)
        self.ask("GET", f"bookings/{first['uid']}")
        self.slots(INTRO, bookingUidToReschedule=second["uid"])
        self.ask("POST", f"bookings/{second['uid']}/cancel", {"cancellationReason": "away"})
        self.press(do="confirm_first", event_type=CONSULT, first=True)
        self.ask("GET", "event-types")
        hours = self.slots(CONSULT)
        for start, decision, body in ((hours[0], "confirm", None), (hours[1], "decline", {"reason": "full"})):
            self.ask("POST", f"bookings/{self.book(start, CONSULT)['uid']}/{decision}", body)
        third = self.book(starts[6])
        self.press(do="ahead", hours=24 * 15)
        absent = {"host": False, "attendees": [{"email": "ann@example.com", "absent": True}]}
        self.ask("POST", f"bookings/{third['uid']}/mark-absent", absent)
        self.ask("GET", "bookings", sortUpdatedAt="asc", afterUpdatedAt="2020-01-01T00:00:00Z", take=100, skip=0)
        self.ask("GET", "bookings", status="past,cancelled", attendeeEmail="ann@example.com", eventTypeId=INTRO)

    def reservations(self, starts):
        body = {"eventTypeId": INTRO, "slotStart": starts[9], "reservationDuration": 30}
        kept = self.ask("POST", "slots/reservations", body)["reservationUid"]
        self.ask("GET", f"slots/reservations/{kept}")
        self.ask("PATCH", f"slots/reservations/{kept}", {**body, "slotStart": starts[11]})
        self.ask("DELETE", f"slots/reservations/{kept}")
        assert self.ask("GET", f"slots/reservations/{kept}") is None


def read_log(url):
    log = requests.get(f"{url}/sandbox/log", timeout=30).json()
    return [asked for asked in log if asked["provider"] == "calcom"]


def check_log(description, log):
    """Holds every request of a log against the description; how many there were of each operation."""
    counted = {}
    for asked in log:
        operation, faults = description.check_request(asked)
        assert not faults, f"{asked['method']} {asked['path'].split('?')[0]}: {faults[:4]}"
        counted[operation] = counted.get(operation, 0) + 1
    return counted


def mutants(asked):
    """Requests that are a little wrong."""
    yield "another version", {**asked, "api_version": "2024-04-15"}
    yield "no key", {**asked, "bearer": False}
    yield "another parameter", {**asked, "path": asked["path"] + ("&" if "?" in asked["path"] else "?") + "zone=UTC"}
    yield "another path", {**asked, "path": asked["path"].replace("/v2/", "/v2/x/")}
    if isinstance(asked["body"], dict) and asked["body"]:
        yield "another member", {**asked, "body": {**asked["body"], "zone": "UTC"}}
        for name in asked["body"]:
            yield f"{name} of another type", {**asked, "body": {**asked["body"], name: [[None]]}}


def check_mutants(description, log):
    caught = 0
    for asked in log:
        for name, mutant in mutants(asked):
            # GET /v2/me is the same in all versions.
            if name == "another version" and "/v2/me" in asked["path"]:
                continue
            _, faults = description.check_request(mutant)
            assert faults, f"{asked['method']} {asked['path']} with {name} was not caught"
            caught += 1
    return caught


def main():
    where, contracts = sys.argv[1], sys.argv[2]
    description = Description(contracts)
    if where.startswith("http"):
        log = read_log(where.rstrip("/"))
        counted = check_log(description, log)
        assert counted, "cal.com was never asked"
        print("cal.com schema:", ", ".join(f"{count} x {operation}" for operation, count in sorted(counted.items())))
        print(f"cal.com schema: {check_mutants(description, log)} requests that are a little wrong are caught")
        return
    with tempfile.TemporaryDirectory() as scratch:
        with running(pathlib.Path(where) / "examples" / "alone", scratch) as stand_in:
            story = Story(stand_in.url, description)
            story.lead()
            log = read_log(stand_in.url)
            counted = check_log(description, log)
            assert set(counted) == story.answered and len(counted) >= 16, f"not all was asked: {sorted(counted)}"
            print(f"cal.com schema: {sum(counted.values())} requests and answers of {len(counted)} operations are valid")
            print(f"cal.com schema: {check_mutants(description, log)} requests that are a little wrong are caught")


main()
