#!/usr/bin/env python3
"""The chat protocol's Python server over an upstream that speaks the Responses API, threads in memory.

Usage: python_server.py --relay agents|bare

Reads OPENAI_BASE_URL and OPENAI_API_KEY, takes a free port of 127.0.0.1, and prints "serving" and its address first.
Needs the packages `openai-chatkit`, `starlette` and `uvicorn`; `uvloop` and `httptools` are used where they are.
It is a yardstick: no moderation, no limits, no sessions, nothing on disk.
"""

import argparse
import logging
import socket
from datetime import datetime

import uvicorn
from agents import Agent, OpenAIResponsesModel, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    Page,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
)
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

MODEL = "gpt-5-mini"
INSTRUCTIONS = "Answer briefly."


class MemoryStore(Store[dict]):
    """Threads and items in dictionaries."""

    def __init__(self):
        self.threads = {}
        self.items = {}

    async def load_thread(self, thread_id, context):
        if thread_id not in self.threads:
            raise NotFoundError(thread_id)
        return self.threads[thread_id]

    async def save_thread(self, thread, context):
        self.threads[thread.id] = thread

    async def load_thread_items(self, thread_id, after, limit, order, context):
        items = list(self.items.get(thread_id, {}).values())
        if order == "desc":
            items.reverse()
        begin = next((place + 1 for place, item in enumerate(items) if item.id == after), 0)
        page = items[begin : begin + limit]
        more = begin + limit < len(items)
        return Page(data=page, has_more=more, after=page[-1].id if more else None)

    async def load_threads(self, limit, after, order, context):
        return Page(data=list(self.threads.values())[:limit])

    async def add_thread_item(self, thread_id, item, context):
        self.items.setdefault(thread_id, {})[item.id] = item

    async def save_item(self, thread_id, item, context):
        self.items.setdefault(thread_id, {})[item.id] = item

    async def load_item(self, thread_id, item_id, context):
        if item_id not in self.items.get(thread_id, {}):
            raise NotFoundError(item_id)
        return self.items[thread_id][item_id]

    async def delete_thread(self, thread_id, context):
        self.threads.pop(thread_id, None)
        self.items.pop(thread_id, None)

    async def delete_thread_item(self, thread_id, item_id, context):
        self.items.get(thread_id, {}).pop(item_id, None)

    async def save_attachment(self, attachment, context):
        raise NotImplementedError

    async def load_attachment(self, attachment_id, context):
        raise NotImplementedError

    async def delete_attachment(self, attachment_id, context):
        raise NotImplementedError


class ByAgents(ChatKitServer[dict]):
    """As the documentation has it: an agent, run streamed, bridged to the protocol."""

    def __init__(self, store, openai):
        super().__init__(store)
        model = OpenAIResponsesModel(model=MODEL, openai_client=openai)
        self.agent = Agent(name="Concierge", instructions=INSTRUCTIONS, model=model)

    async def respond(self, thread, input_user_message, context):
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        items = await self.store.load_thread_items(thread.id, None, 20, "asc", context)
        asked = await simple_to_agent_input(items.data)
        result = Runner.run_streamed(self.agent, asked, context=agent_context)
        async for event in stream_agent_response(agent_context, result):
            yield event


class Bare(ChatKitServer[dict]):
    """The least that works: one request, its events mapped by hand."""

    def __init__(self, store, openai):
        super().__init__(store)
        self.openai = openai

    async def respond(self, thread, input_user_message, context):
        asked = " ".join(part.text for part in input_user_message.content)
        stream = await self.openai.responses.create(
            model=MODEL, instructions=INSTRUCTIONS, input=asked, stream=True, store=False
        )
        created_at = datetime.now()
        async for event in stream:
            match event.type:
                case "response.output_item.added":
                    item_id = event.item.id
                    item = AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=created_at, content=[])
                    yield ThreadItemAddedEvent(item=item)
                case "response.content_part.added":
                    added = AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text=""))
                    yield ThreadItemUpdatedEvent(item_id=item_id, update=added)
                case "response.output_text.delta":
                    delta = AssistantMessageContentPartTextDelta(content_index=0, delta=event.delta)
                    yield ThreadItemUpdatedEvent(item_id=item_id, update=delta)
                case "response.output_text.done":
                    content = AssistantMessageContent(text=event.text)
                    done = AssistantMessageContentPartDone(content_index=0, content=content)
                    yield ThreadItemUpdatedEvent(item_id=item_id, update=done)
                    item = AssistantMessageItem(
                        id=item_id, thread_id=thread.id, created_at=created_at, content=[content]
                    )
                    yield ThreadItemDoneEvent(item=item)


RELAYS = {"agents": ByAgents, "bare": Bare}


def application(server):
    async def chatkit(request):
        result = await server.process(await request.body(), {})
        if isinstance(result, StreamingResult):
            return StreamingResponse(result, media_type="text/event-stream")
        return Response(result.json, media_type="application/json")

    return Starlette(routes=[Route("/chatkit", chatkit, methods=["POST"])])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--relay", choices=RELAYS, required=True)
    relay = parser.parse_args().relay
    # by default the openai client may have 1,000 connections
    server = RELAYS[relay](MemoryStore(), AsyncOpenAI(max_retries=0))
    logging.getLogger("chatkit").setLevel(logging.WARNING)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"serving http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(application(server), log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
