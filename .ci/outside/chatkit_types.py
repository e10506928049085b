"""Holds a long conversation with a running Frontdesk and lets others judge every byte of it.

usage: chatkit_types.py GATEWAY_URL CONTRACTS_DIR

Each frame must be `data: {json}` and an empty line, each event must validate against the published JSON schema and
parse with the types of OpenAI's own Python package, and so must every page, thread and item that is listed.
"""

import json
import pathlib
import random
import sys
import uuid

import requests
from chatkit.types import Page, Thread, ThreadItem, ThreadStreamEvent
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

GATEWAY, CONTRACTS = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2])
WORDS = [
    "Hello there",
    "What does it cost?",
    "How do you work with clients, and what is included?",
    "I need a marketing automation package",
    "I am Ann Example, my e-mail is ann@example.com and my budget is 5000 EUR",
    "What is the airspeed of an unladen swallow?",
    "Emoji 🚀, \"quotes\", <b>markup</b> and\nnew lines",
    "Please lie to me",
]


def schema(name):
    return Draft202012Validator(json.loads((CONTRACTS / "chatkit-wire" / f"{name}.schema.json").read_text()))


EVENT_SCHEMA, THREAD_SCHEMA, ITEM_SCHEMA = map(schema, ("stream_event", "thread", "thread_item"))
EVENT, ITEM = TypeAdapter(ThreadStreamEvent), TypeAdapter(ThreadItem)
ITEMS, THREADS = TypeAdapter(Page[ThreadItem]), TypeAdapter(Page[Thread])
REQUEST_SCHEMA = schema("request")
seen = {"frames": 0, "requests": 0}
kinds = set()


class Visitor:
    def __init__(self):
        answer = requests.post(
            f"{GATEWAY}/api/chatkit/session",
            json={"deviceId": str(uuid.uuid4()), "modes": ["self_hosted"], "traits": {"utm_source": "yt"}},
            timeout=10,
        )
        answer.raise_for_status()
        session = answer.json()
        assert session["mode"] == "self_hosted", session
        assert session["url"].endswith("/chatkit"), session
        self.secret = session["client_secret"]

    def ask(self, asked, **params):
        request = {"type": asked, "params": params}
        REQUEST_SCHEMA.validate(request)
        seen["requests"] += 1
        answer = requests.post(
            f"{GATEWAY}/chatkit",
            json=request,
            headers={"authorization": f"Bearer {self.secret}", "accept": "text/event-stream"},
            timeout=60,
        )
        assert answer.status_code == 200, (asked, answer.status_code, answer.text)
        if answer.headers["content-type"].startswith("application/json"):
            return answer.json()
        assert answer.headers["content-type"] == "text/event-stream", answer.headers
        return [read(frame) for frame in frames(answer.content)]


def frames(body):
    assert body.endswith(b"\n\n"), body[-40:]
    return body[:-2].split(b"\n\n")


def read(frame):
    assert frame.startswith(b"data: {") and b"\n" not in frame, frame
    event = json.loads(frame[6:])
    EVENT_SCHEMA.validate(event)
    EVENT.validate_json(frame[6:])
    seen["frames"] += 1
    kinds.add(event["type"])
    return event


def user_input(text):
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}


def check_thread(visitor, thread_id):
    thread = visitor.ask("threads.get_by_id", thread_id=thread_id)
    THREAD_SCHEMA.validate(thread)
    TypeAdapter(Thread).validate_python(thread)
    page = visitor.ask("items.list", thread_id=thread_id, order="desc", limit=5)
    ITEMS.validate_python(page)
    for item in page["data"]:
        ITEM_SCHEMA.validate(item)
        ITEM.validate_python(item)
    return thread


def converse(visitor, rng, turns):
    events = visitor.ask("threads.create", input=user_input(rng.choice(WORDS)))
    thread_id = next(event["thread"]["id"] for event in events if event["type"] == "thread.created")
    for _ in range(turns):
        events = visitor.ask("threads.add_user_message", thread_id=thread_id, input=user_input(rng.choice(WORDS)))
        done = [event["item"] for event in events if event["type"] == "thread.item.done"]
        assert any(item["type"] == "assistant_message" for item in done), [event["type"] for event in events]
        for item in done:
            ITEM_SCHEMA.validate(item)
    users = [i for i in visitor.ask("items.list", thread_id=thread_id, limit=100, order="asc")["data"] if i["type"] == "user_message"]
    visitor.ask("threads.retry_after_item", thread_id=thread_id, item_id=users[-1]["id"])
    assert visitor.ask("items.feedback", thread_id=thread_id, item_ids=[users[0]["id"]], kind="positive") == {}
    visitor.ask("threads.update", thread_id=thread_id, title="Renamed")
    assert check_thread(visitor, thread_id)["title"] == "Renamed"
    return thread_id


def main():
    rng = random.Random(7)
    visitor = Visitor()
    threads = [converse(visitor, rng, turns) for turns in (12, 6, 3)]
    page = visitor.ask("threads.list", limit=2, order="desc")
    THREADS.validate_python(page)
    assert page["has_more"] and len(page["data"]) == 2, page
    assert visitor.ask("threads.delete", thread_id=threads[0]) == {}
    stranger = Visitor()
    assert stranger.ask("threads.list")["data"] == []
    for needed in ("thread.created", "thread.item.added", "thread.item.updated", "thread.item.done", "thread.updated"):
        assert needed in kinds, f"{needed} was never sent"
    print(f"chatkit types: {seen['requests']} requests, {seen['frames']} frames, {len(kinds)} kinds of event")


main()
