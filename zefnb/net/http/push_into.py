"""`ET.PushInto`: publishes the body of each request to topics, such as that of a webhook."""

from __future__ import annotations

import asyncio
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.types import ByteArray
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidValue
from zefnb.net.http.exchange import Exchange
from zefnb.net.http.forms import is_form
from zefnb.net.http.handler_calls import HandlerCalls
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Disconnected, Refusal, Response
from zefnb.net.http.route_kinds import PushInto
from zefnb.net.ports import Topics
from zefnb.net.websocket.outbox import Outbox

# Seconds that a request waits while subscribers of its topics are slow; then it gets 503.
PUSH_TIMEOUT = 30.0
_POLL = 0.02
# Longer bodies are parsed in a thread.
_READ_HERE = 16_384


class Pushes:
    """Publishes the bodies of requests, and waits before that while subscribers are slow."""

    def __init__(self, runtime: Runtime, topics: Topics, calls: HandlerCalls) -> None:
        self._loop = runtime.loop
        self._slow_clients = runtime.service(Outbox).slow_clients
        self._topics = topics
        self._calls = calls

    async def response(self, push: PushInto, request: Entity, exchange: Exchange) -> Response:
        """Publish the body of `request`. Returns 204.

        Raises `InvalidBody`, `Disconnected`, and `Refusal` (503) when subscribers are slow for long.
        """
        # `ET.Request` reads all of its body for each conversion.
        if len(request.body) <= _READ_HERE:
            content = content_of(exchange.head, request)
        else:
            content = await self._calls.in_thread(
                "reading of bodies", exchange.peer, content_of, exchange.head, request
            )
        await self._wait_for_capacity(push, exchange)
        for topic in push.topics:
            try:
                self._topics.publish(topic, content)
            except InvalidValue as error:
                raise Refusal(400, str(error.faults[0].problem)) from None
        return Response(status_code=204)

    async def _wait_for_capacity(self, push: PushInto, exchange: Exchange) -> None:
        give_up_at = self._loop.time() + PUSH_TIMEOUT
        while self._slow_clients.is_pausing or self._topics.are_congested(push.topics):
            if exchange.peer.is_closed:
                raise Disconnected
            if self._loop.time() > give_up_at:
                raise Refusal(503, "the subscribers are slow; try again later", {"retry-after": "5"})
            await asyncio.sleep(_POLL)


def content_of(head: RequestHead, request: Entity) -> Any:
    """The message for the body of a request, by its content type. Raises `InvalidBody` when it is not of that type.

    JSON becomes its value, a form a dict of its fields, `text/...` text, and anything else `Array1[u8]`. Without a
    content type, a body is text if it is UTF-8.
    """
    content_type = head.first("content-type")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return request.json
    if is_form(content_type):
        return request.form_data
    if kind.startswith("text/") or (not kind and isinstance(request.body, str)):
        return request.text
    return ByteArray(request.body_bytes)
