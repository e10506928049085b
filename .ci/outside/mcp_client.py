#!/usr/bin/env python3
"""The agents' tools of a running `frontdesk`, judged by the protocol's own programs.

usage: mcp_client.py FRONTDESK_BINARY NODE CONFORMANCE_JS EXPECTED_FAILURES

First @modelcontextprotocol/conformance asks each /mcp/…; what it may fail is listed, and only that. It cannot send headers,
so it speaks to a system without tokens on loopback, and to the operator's tools through a proxy that adds the bearer.
Then the official Python client, set up by what `frontdesk mcp connect` prints, lists and calls every tool of each
workflow, by the protocol with a handshake and by the one without; what is answered is held to the tool's own schema.
"""

import asyncio
import contextlib
import http.client
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import tomllib
import urllib.parse

import requests
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from programs import NO_LIMITS, Program

CONCIERGE, PORTAL, OPS = "lead-concierge", "client-portal", "ops-copilot"
WORKFLOWS = pathlib.Path(__file__).resolve().parents[2] / "shared/domain/workflows"
# The tools that run in a visitor's browser are nothing for others.
OF_BROWSER = {"get_page_context"}
# What the suite finds at least in a server that passes all that needs no tool of its own.
MUST_PASS = {
    "server-initialize", "ping", "completion-complete", "tools-list", "resources-list", "prompts-list",
    "dns-rebinding-protection", "logging-set-level", "server-sse-multiple-streams",
}
SUMMARY = re.compile(r"^([✓✗]) ([\w-]+): (\d+) passed, (\d+) failed$", re.MULTILINE)
# The tools that touch nobody.
OPEN = {"search_knowledge", "list_offers", "list_slots"}
MODES = ("legacy", "auto")
# Arguments by their name, where a schema cannot say what makes sense; what tools answered before wins.
EXAMPLES = {
    "query": "What does the first step cost?",
    "meeting": "intro-call",
    "name": "Ann Example",
    "first_name": "Ann",
    "last_name": "Example",
    "email": "ann@example.com",
    "subject": "A broken automation",
    "message": "New leads do not reach the sheet.",
    "text": "A try of the tools",
    "reason": "The visitor asked for a person.",
    "license_key": "WHOP-0000-0000-0000",
}
# Those of them that some tool takes.
USED = set()
# Of several tools, these first and in this order: what they answer, others need.
FIRST = (
    "list_quick_actions", "list_offers", "list_slots", "book_meeting", "reschedule_meeting", "list_my_bookings",
    "cancel_meeting", "create_checkout_link",
)


def prove(words):
    print(f"mcp: {words}")


class Wrong(Exception):
    """Something is not as it should be."""


def must(condition, words):
    if not condition:
        raise Wrong(words)


def ask(work):
    """Runs `work`; what is wrong comes out of the client's task groups by itself."""
    try:
        asyncio.run(work)
    except BaseException as error:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error


# === conformance ===


class WithBearer(http.server.BaseHTTPRequestHandler):
    """Passes a request on as it is, with a bearer."""

    protocol_version = "HTTP/1.1"
    target = bearer = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line = http.client.HTTPConnection(self.target, timeout=30)
        line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "authorization"):
                line.putheader(name, value)
        line.putheader("Authorization", f"Bearer {self.bearer}")
        line.endheaders(body)
        answer = line.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        line.close()

    do_GET = do_DELETE = do_OPTIONS = do_POST

    def log_message(self, *_):
        pass


class Proxy(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A client that goes away does not wait for its last answers.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def with_bearer(url, bearer):
    target = urllib.parse.urlsplit(url)
    handler = type("Handler", (WithBearer,), {"target": target.netloc, "bearer": bearer})
    server = Proxy(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{target.path}"
    finally:
        server.shutdown()
        server.server_close()


def conform(workflow, url, suite, expected, scratch):
    command = [*suite, "server", "--url", url, "--expected-failures", expected, "-o", f"{scratch}/{workflow}"]
    done = subprocess.run(command, cwd=scratch, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    found = SUMMARY.findall(done.stdout)
    passed = {name for mark, name, times, _ in found if mark == "✓" and int(times)}
    must(done.returncode == 0, f"the suite is not content with {workflow}:\n{done.stdout[-6000:]}")
    must(MUST_PASS <= passed, f"{workflow} did not pass {sorted(MUST_PASS - passed)}:\n{done.stdout[-6000:]}")
    prove(f"{workflow}: {len(passed)} of {len(found)} conformance scenarios pass, the rest are listed as not ours")


# === the client ===


@contextlib.asynccontextmanager
async def connected(url, headers, mode):
    async with create_mcp_http_client(headers=headers) as http_client:
        async with Client(streamable_http_client(url, http_client=http_client), mode=mode) as client:
            yield client


class Memory:
    """What tools have answered, by the names of the members; a time slot is used once."""

    def __init__(self):
        self.known, self.slots, self.meetings = {}, [], {}

    def keep(self, answer, tool):
        if isinstance(answer, dict):
            if tool == "list_slots":
                self.slots = list(answer["slots"])
            if tool == "list_offers":
                self.meetings = {offer["id"]: offer["meeting"] for offer in answer["offers"]}
            for name, value in answer.items():
                if isinstance(value, str) and name.endswith(("_id", "reference")):
                    self.known[name] = value
                self.keep(value, None)
        elif isinstance(answer, list):
            for value in answer[:1]:
                self.keep(value, None)

    def fill(self, name, schema, tool):
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        optional = "null" in kinds or any(one.get("type") == "null" for one in schema.get("anyOf", []))
        if name == "booking_id" and tool == "list_slots" or name == "action_id":
            return None
        if name == "start_time":
            must(self.slots, "there is no free slot to be booked")
            # the first one may be too soon a moment later
            return self.slots.pop()
        if schema.get("enum"):
            return next(value for value in schema["enum"] if value is not None)
        if name in self.known:
            return self.known[name]
        if name in EXAMPLES:
            USED.add(name)
            return EXAMPLES[name]
        if optional:
            return None
        examples = {"string": "An example", "integer": 1, "number": 1, "boolean": True, "array": []}
        return examples[kinds[0]] if kinds else "An example"

    def arguments(self, tool):
        properties = tool.input_schema.get("properties", {})
        return {name: self.fill(name, schema, tool.name) for name, schema in properties.items()}


def in_order(tools):
    place = {name: at for at, name in enumerate(FIRST)}
    return sorted(tools, key=lambda tool: place.get(tool.name, len(place)))


def judge_tool(tool):
    Draft202012Validator.check_schema(tool.input_schema)
    must(tool.input_schema.get("type") == "object", f"{tool.name} takes no object")
    must(tool.output_schema, f"{tool.name} has no output schema")
    Draft202012Validator.check_schema(tool.output_schema)
    must(tool.output_schema.get("type") == "object", f"{tool.name} answers no object")
    hints = tool.annotations
    told = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
    must(all(isinstance(hint, bool) for hint in told), f"{tool.name} does not say what it does: {told}")
    must(tool.title and tool.description, f"{tool.name} has no title or description")
    must(not (hints.read_only_hint and hints.destructive_hint), f"{tool.name} reads and destroys")


def judge_answer(tool, arguments, result):
    text = " ".join(block.text for block in result.content)
    must(not result.is_error, f"{tool.name} {json.dumps(arguments)} failed: {text}")
    errors = list(Draft202012Validator(tool.output_schema).iter_errors(result.structured_content))
    must(not errors, f"{tool.name} answers against its schema: {[error.message for error in errors]}")
    must(json.loads(text) == result.structured_content, f"{tool.name}: text and structured content differ")


async def call_all(workflow, settings, mode):
    headers = {"Authorization": f"Bearer {settings['bearer']}"}
    if settings["session_token"]:
        headers["X-Frontdesk-Session"] = settings["session_token"]
    async with connected(settings["url"], headers, mode) as client:
        info = client.server_info
        must(info.name == "Frontdesk" and info.title, f"{workflow} calls itself {info}")
        must(client.instructions and info.title in client.instructions, f"{workflow} says nothing of itself")
        tools = (await client.list_tools()).tools
        must([tool.name for tool in tools] == settings["tools"], f"{workflow}: connect lists other tools")
        own = tomllib.loads((WORKFLOWS / f"{workflow}.toml").read_text(encoding="utf-8"))["tools"]
        own = [name for name in own if name not in OF_BROWSER]
        must(settings["tools"] == own, f"{workflow} has {own} and offers {settings['tools']}")
        memory = Memory()
        for tool in in_order(tools):
            judge_tool(tool)
            if tool.name == "create_checkout_link":
                # another meeting than the one whose times were listed: another length, so other times
                offer = memory.fill("offer", tool.input_schema["properties"]["offer"], tool.name)
                sold = {"meeting": memory.meetings[offer]}
                memory.keep((await client.call_tool("list_slots", sold)).structured_content, "list_slots")
            arguments = memory.arguments(tool)
            # Both clients count their requests from the same number, and the second one's wishes are its own.
            key = {"frontdesk/request_id": f"{mode} {tool.name}"}
            result = await client.call_tool(tool.name, arguments, meta=key)
            judge_answer(tool, arguments, result)
            memory.keep(result.structured_content, tool.name)
        version = client.protocol_version
        with contextlib.suppress(MCPError):
            await client.call_tool("no_such_tool", {})
            must(False, f"{workflow} has a tool that there is not")
    names = ", ".join(tool.name for tool in tools)
    prove(f"{workflow}, {version}: {len(tools)} tools listed and called, every answer by its schema: {names}")
    return {tool.name for tool in tools}


async def refuse(workflow, found, mode):
    """Without a session, with one that does not count, with one in the message, and with others' bearers."""
    settings, others = found[workflow], [told for name, told in found.items() if name != workflow]
    own, bearer = settings["session_token"], {"Authorization": f"Bearer {settings['bearer']}"}
    # The operator's tools touch nobody's session.
    offered = OPEN if own else set(settings["tools"])
    wrong = {"fd1.t.k1.e30.AAAA", *(told["session_token"] for told in others), own and own[:-2]} - {None}
    async with connected(settings["url"], bearer, mode) as client:
        nobody = {tool.name for tool in (await client.list_tools()).tools}
        must(nobody <= offered and nobody, f"{workflow} offers {nobody - offered} without a session")
        for token in wrong:
            try:
                await client.list_tools(meta={"frontdesk/session": token}, cache_mode="bypass")
            except MCPError as error:
                must(error.error.code == -32602 and "session" in error.error.message, f"{workflow}: {error}")
            else:
                must(False, f"{workflow} takes a session that does not count")
        if own:
            listed = await client.list_tools(meta={"frontdesk/session": own}, cache_mode="bypass")
            told = [tool.name for tool in listed.tools]
            must(told == settings["tools"], f"{workflow} does not see the session in _meta")
    for token in ("a-wrong-token-of-somebody", *(told["bearer"] for told in others)):
        refused = requests.post(settings["url"], json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
                                headers={"Authorization": f"Bearer {token}"}, timeout=10)
        must(refused.status_code == 401, f"{workflow} answers {refused.status_code} to a wrong bearer")
        must(refused.headers["content-type"] == "application/problem+json", f"{workflow} refuses without a problem")
    prove(f"{workflow}, {mode}: without a session {', '.join(sorted(nobody))}; {len(wrong)} sessions that do not count "
          f"are errors, and so are {len(others) + 1} bearers")


# === all of it ===


def connect(binary, directory, scratch, workflow):
    """What `frontdesk mcp connect` says of a workflow, in JSON."""
    command = [binary, "mcp", "connect", "--workflow", workflow, "--json"]
    done = subprocess.run(command, cwd=scratch, env={"FRONTDESK_DIR": directory}, text=True, capture_output=True)
    must(done.returncode == 0, f"mcp connect does not work for {workflow}: {done.stderr}")
    return json.loads(done.stdout)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    binary, node, suite, expected = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        directory = f"{scratch}/desk"
        settings = {**NO_LIMITS, "PORT": "0", "FRONTDESK_DIR": directory, "RUST_LOG": "warn"}
        program = Program(pathlib.Path(binary), scratch, settings)
        try:
            joined = {"do": "member", "act": "join", "user": "user_mara", "plan": "plan_growthmonthly"}
            requests.post(f"{program.url}/sandbox/providers", json=joined, timeout=10).raise_for_status()
            found = {workflow: connect(binary, directory, scratch, workflow) for workflow in (CONCIERGE, PORTAL, OPS)}
            for workflow in (CONCIERGE, PORTAL):
                conform(workflow, found[workflow]["url"], [node, suite], expected, scratch)
            with with_bearer(found[OPS]["url"], found[OPS]["bearer"]) as url:
                conform(OPS, url, [node, suite], expected, scratch)
            for mode in MODES:
                for workflow, told in found.items():
                    ask(call_all(workflow, told, mode))
                for workflow in found:
                    ask(refuse(workflow, found, mode))
            must(USED == EXAMPLES.keys(), f"no tool takes {sorted(EXAMPLES.keys() - USED)}")
        except Wrong as wrong:
            sys.exit(f"mcp: {wrong}")
        finally:
            program.stop()


if __name__ == "__main__":
    main()
