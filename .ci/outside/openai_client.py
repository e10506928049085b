#!/usr/bin/env python3
"""The sandbox, read by OpenAI's own client with its own types.

Usage: openai_client.py BASE_URL [API_KEY]     e.g. openai_client.py http://127.0.0.1:8090/openai/v1 sk-sandbox

Needs the package `openai`. Prints what it checked; exits non-zero on any complaint.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

import openai
from openai import OpenAI
from openai.types import ModerationCreateResponse
from openai.types.beta.chatkit import ChatSession
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

MODEL = "gpt-5-mini"
EVENT = TypeAdapter(ResponseStreamEvent)


def function(name, properties):
    return {
        "type": "function",
        "name": name,
        "description": None,
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


TEXT = {"type": ["string", "null"]}
TOOLS = [
    function("save_lead", {name: TEXT for name in ["email", "first_name", "intent", "budget_range", "timeframe"]}),
    function("log_outcome", {"outcome": {"type": "string", "enum": ["answered", "qualified"]}, "summary": TEXT}),
    function("search_knowledge", {"query": {"type": "string"}}),
    function("list_offers", {"category": TEXT}),
]
OUTPUTS = {
    "save_lead": {"lead_id": "lea_1", "created": True},
    "log_outcome": {"message": "recorded"},
    "search_knowledge": {"results": [{"text": "We automate marketing.", "source": "services.md"}]},
    "list_offers": {"offers": [{"name": "Audit", "price": {"minor": 49000, "currency": "EUR"}}]},
}


def valid(kind, value):
    """Validates for real: the client itself builds its types without a look at the values."""
    return TypeAdapter(kind).validate_python(value.to_dict(mode="json", warnings=True))


def same(got, expected, what):
    assert got == expected, f"{what}: {got!r} is not {expected!r}"


def message(text):
    return {"role": "user", "content": text}


def calls_of(response):
    return [item for item in response.output if item.type == "function_call"]


def answers_to(calls):
    return [
        {"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(OUTPUTS[call.name])}
        for call in calls
    ]


def ask(client, items, **options):
    return client.responses.create(model=MODEL, input=items, tools=TOOLS, store=False, **options)


def whole_response(client):
    response = ask(client, "Hello")
    valid(Response, response)
    same(response.status, "completed", "status")
    assert response.output_text.startswith("Hello!"), response.output_text
    usage = response.usage
    assert usage.output_tokens > 0, usage
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens, "total tokens")


def raw_stream(client):
    events = list(ask(client, "Hello", stream=True))
    for at, event in enumerate(events):
        EVENT.validate_python(event.to_dict(mode="json", warnings=True))
        same(event.sequence_number, at, "sequence number")
    same([event.type for event in events[:4]], [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
    ], "first events")
    same([event.type for event in events[-4:]], [
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    ], "last events")
    response = events[-1].response
    valid(Response, response)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    same(text, response.output_text, "joined deltas")


def helper_stream(client):
    """A round of parallel calls, then the answer, through the accumulating helper."""
    items = [message("How much is it?")]
    with client.responses.stream(model=MODEL, input=items, tools=TOOLS, store=False) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds, kinds
    calls = calls_of(response)
    same([call.name for call in calls], ["search_knowledge", "list_offers"], "calls")
    same(json.loads(calls[0].arguments), {"query": "How much is it?"}, "arguments")
    items += [raw(call) for call in calls] + answers_to(calls)
    with client.responses.stream(model=MODEL, input=items, tools=TOOLS, store=False) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    same(snapshots[-1], response.output_text, "snapshot")
    assert "services.md" in response.output_text and "490.00 EUR" in response.output_text, response.output_text


def raw(call):
    """The call without what only the helper adds."""
    return {"type": call.type, "id": call.id, "call_id": call.call_id, "name": call.name, "arguments": call.arguments}


def lead(client):
    items = [message("I need a chatbot next month, budget 5000 EUR")]
    response = ask(client, items)
    assert "e-mail" in response.output_text, response.output_text
    items += [item.to_dict(mode="json") for item in response.output]
    items.append(message("I am Ada, ada@example.com"))
    calls = []
    for event in ask(client, items, stream=True):
        EVENT.validate_python(event.to_dict(mode="json", warnings=True))
        if event.type == "response.output_item.done":
            calls.append(event.item)
    same([call.name for call in calls], ["save_lead", "log_outcome"], "calls")
    same(json.loads(calls[0].arguments), {
        "email": "ada@example.com",
        "first_name": "Ada",
        "intent": "buy_inquiry",
        "budget_range": "5000 EUR",
        "timeframe": "next month",
    }, "lead")
    items += [call.to_dict(mode="json") for call in calls] + answers_to(calls)
    assert "lea_1" in ask(client, items).output_text


def cut_off(client):
    response = ask(client, "Hello", max_output_tokens=16)
    valid(Response, response)
    same(response.status, "incomplete", "status")
    same(response.incomplete_details.reason, "max_output_tokens", "reason")
    events = list(ask(client, "Hello", max_output_tokens=16, stream=True))
    same(events[-1].type, "response.incomplete", "last event")


def stored(client):
    response = client.responses.create(model=MODEL, input="I need a chatbot")
    same(client.responses.retrieve(response.id).to_dict(), response.to_dict(), "retrieved response")
    following = client.responses.create(model=MODEL, input="Hello", previous_response_id=response.id)
    same(following.previous_response_id, response.id, "previous response")
    client.responses.delete(response.id)
    refused(openai.NotFoundError, "not found", lambda: client.responses.retrieve(response.id))


def refused(kind, words, call):
    try:
        call()
    except kind as error:
        assert words in str(error), error
        return error
    raise AssertionError(f"was not refused: {words}")


def refusals(client):
    loose = function("f", {"a": TEXT})
    loose["parameters"]["required"] = []
    create = lambda **body: client.responses.create(**{"model": MODEL, "input": "x", "store": False, **body})
    bad = openai.BadRequestError
    error = refused(bad, "Unknown parameter: 'traits'.", lambda: create(extra_body={"traits": 1}))
    same((error.param, error.code), ("traits", "unknown_parameter"), "parameter and code")
    error = refused(bad, "Missing 'a'.", lambda: create(tools=[loose]))
    same((error.param, error.code), ("tools[0].parameters", "invalid_function_parameters"), "parameter and code")
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "1"}
    refused(bad, "No tool output found for function call call_1.", lambda: create(input=[call]))
    refused(bad, "No tool call found for function call output with call_id call_1.", lambda: create(input=[output]))
    refused(bad, "Invalid value: 'huge'.", lambda: create(reasoning={"effort": "huge"}, stream=True))
    stranger = client.with_options(api_key="sk-other")
    refused(openai.AuthenticationError, "Incorrect API key", lambda: stranger.responses.create(model=MODEL, input="x"))


def moderation(client):
    answer = client.moderations.create(input=["a good day", "please flagme"], model="omni-moderation-latest")
    valid(ModerationCreateResponse, answer)
    same([result.flagged for result in answer.results], [False, True], "flags")
    assert answer.results[1].categories.harassment and answer.results[1].category_scores.harassment > 0.5


def chatkit(client):
    """A session with nothing said beyond what must be, until it is cancelled."""
    sessions = client.beta.chatkit.sessions
    session = sessions.create(user="vis_check", workflow={"id": "wf_sandbox_lead"})
    valid(ChatSession, session)
    same((session.status, session.user, session.workflow.id), ("active", "vis_check", "wf_sandbox_lead"), "session")
    same((session.workflow.version, session.workflow.state_variables), (None, None), "what was not asked for")
    same(session.rate_limits.max_requests_per_1_minute, session.max_requests_per_1_minute, "limit")
    left = session.expires_at - time.time()
    assert session.client_secret and 590 < left <= 600, f"a session of {left:.0f} s"
    cancelled = sessions.cancel(session.id)
    valid(ChatSession, cancelled)
    same((cancelled.id, cancelled.status), (session.id, "cancelled"), "cancelled session")
    same(sessions.cancel(session.id).status, "cancelled", "session cancelled twice")
    other = sessions.create(user="vis_check", workflow={"id": "wf_sandbox_lead"})
    assert other.id != session.id and other.client_secret != session.client_secret, "the same session twice"
    same(other.status, "active", "session after a cancelled one")


def chatkit_options(client):
    """Every option that the client knows, and that it is answered as it was asked for."""
    state = {"utm_source": "=1+1 🚀", "tier": 2, "share": 0.5, "is_member": True}
    configuration = {
        "automatic_thread_titling": {"enabled": False},
        "file_upload": {"enabled": True, "max_file_size": 5, "max_files": 2},
        "history": {"enabled": True, "recent_threads": 3},
    }
    session = client.beta.chatkit.sessions.create(
        user="u" * 512,
        workflow={"id": "wf_sandbox_lead", "version": "3", "state_variables": state, "tracing": {"enabled": False}},
        expires_after={"anchor": "created_at", "seconds": 60},
        rate_limits={"max_requests_per_1_minute": 7},
        chatkit_configuration=configuration,
    )
    valid(ChatSession, session)
    workflow = {"id": "wf_sandbox_lead", "version": "3", "state_variables": state, "tracing": {"enabled": False}}
    same(session.workflow.to_dict(), workflow, "workflow")
    same(session.chatkit_configuration.to_dict(), configuration, "configuration")
    same((session.user, session.max_requests_per_1_minute), ("u" * 512, 7), "user and limit")
    left = session.expires_at - time.time()
    assert 50 < left <= 60, f"a session of {left:.0f} s"


def chatkit_threads(client):
    """Threads that somebody talked in, page by page, and those that are not there."""
    threads = client.beta.chatkit.threads
    same(list(threads.list(user="vis_check", limit=5)), [], "threads of nobody")
    talks = urllib.parse.urljoin(str(client.base_url), "/sandbox/threads")
    for _ in range(3):
        request = urllib.request.Request(
            talks, data=b'{"user":"vis_check"}', headers={"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=20).close()
    found = list(threads.list(user="vis_check", limit=2, order="asc"))
    same((len(found), {thread.user for thread in found}), (3, {"vis_check"}), "threads of one, by pages of two")
    first, second, third = (thread.id for thread in found)
    page = threads.list(order="asc", limit=100, after=first, before=third)
    same(([thread.id for thread in page.data], page.has_more), ([second], False), "a page between two")
    same(threads.retrieve(second).id, second, "one thread")
    same(list(threads.list_items(second)), [], "its items")
    same(threads.delete(second).deleted, True, "a deletion")
    same([thread.id for thread in threads.list(user="vis_check", order="asc")], [first, third], "what is left")
    for call in (threads.retrieve, threads.delete, threads.list_items, lambda id: threads.list(after=id)):
        refused(openai.NotFoundError, "not found", lambda call=call: call(second))
    refused(openai.BadRequestError, "limit", lambda: threads.list(limit=101))
    refused(openai.BadRequestError, "order", lambda: threads.list(order="random"))


def chatkit_refusals(client):
    def create(**body):
        return client.beta.chatkit.sessions.create(**{"user": "u", "workflow": {"id": "wf_sandbox_lead"}, **body})

    bad = openai.BadRequestError
    refused(openai.NotFoundError, "not found", lambda: create(workflow={"id": "wf_none"}))
    refused(openai.NotFoundError, "not found", lambda: client.beta.chatkit.sessions.cancel("cksess_none"))
    error = refused(bad, "Unknown parameter: 'traits'.", lambda: create(extra_body={"traits": {"utm_source": "yt"}}))
    same((error.param, error.code), ("traits", "unknown_parameter"), "parameter and code")
    refused(bad, "workflow.slug", lambda: create(workflow={"id": "wf_sandbox_lead", "slug": "x"}))
    nested = {"id": "wf_sandbox_lead", "state_variables": {"a": []}}
    refused(bad, "workflow.state_variables", lambda: create(workflow=nested))
    for seconds in (0, 601):
        after = {"anchor": "created_at", "seconds": seconds}
        refused(bad, "expires_after.seconds", lambda after=after: create(expires_after=after))
    refused(bad, "user", lambda: create(user=""))
    refused(bad, "OpenAI-Beta", lambda: create(extra_headers={"OpenAI-Beta": "chatkit=v1"}))
    stranger = client.with_options(api_key="sk-other")
    refused(
        openai.AuthenticationError,
        "Incorrect API key",
        lambda: stranger.beta.chatkit.sessions.create(user="u", workflow={"id": "wf_sandbox_lead"}),
    )


CHECKS = [
    whole_response,
    raw_stream,
    helper_stream,
    lead,
    cut_off,
    stored,
    refusals,
    moderation,
    chatkit,
    chatkit_options,
    chatkit_threads,
    chatkit_refusals,
]


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    key = sys.argv[2] if len(sys.argv) == 3 else "sk-sandbox"
    client = OpenAI(base_url=sys.argv[1], api_key=key, max_retries=0, timeout=20)
    print(f"openai {openai.__version__} against {sys.argv[1]}")
    failed = 0
    for check in CHECKS:
        try:
            check(client)
        except Exception as error:
            failed += 1
            print(f"FAILED {check.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            print(f"ok     {check.__name__}")
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
