"""The outward clients of a runtime: makes, starts, finds and stops them."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Sequence
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.entity import WebSocketClient as ClientHandle
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect
from zefnb.net.client.client import STOP_TIMEOUT, Client
from zefnb.net.client.consumers import ActorConsumer, Consumer, TopicConsumer
from zefnb.net.client.target import MAX_SIZE, check_target
from zefnb.net.fields import check_actor, check_topics
from zefnb.net.ports import Topics

_EXIT_TIMEOUT = 0.3
# Seconds, a day: the largest `FX.StartWebSocketClient(wait=...)`.
MOST_WAIT = 86_400


def make_client(
    runtime: Runtime,
    topics: Topics,
    *,
    url: str,
    port: int | None = None,
    in_stream_into: Any = None,
    out_stream_from: Any = None,
    actor: Any = None,
    ssl_context: ssl.SSLContext | None = None,
    ca_file: Any = None,
    headers: Any = None,
    subprotocols: Sequence[str] = (),
    redirects: str = "same-origin",
    max_size: int = MAX_SIZE,
) -> Client:
    """The client for these fields, not yet connected. Raises `InvalidEffect`, which lists all mistakes in them."""
    faults: list[FieldError] = []
    target = check_target(url, port, ssl_context, ca_file, headers, subprotocols, redirects, max_size, faults)
    push_into = check_topics("in_stream_into", in_stream_into, faults)
    subscribe_to = check_topics("out_stream_from", out_stream_from, faults)
    behaviour, state = check_actor("actor", actor, runtime.journal, faults)
    _check_mode(bool(in_stream_into or out_stream_from), actor is not None, faults)
    if faults or target is None:
        raise InvalidEffect("FX.StartWebSocketClient", faults)

    def make_consumer(client: Client) -> Consumer:
        if behaviour is None:
            return TopicConsumer(runtime, topics, push_into, subscribe_to)
        on_end = functools.partial(runtime.service(Clients).actor_ended, client)
        return ActorConsumer(runtime, topics, behaviour, state, on_end)

    return Client(runtime, target, make_consumer)


def _check_mode(has_topics: bool, has_actor: bool, faults: list[FieldError]) -> None:
    allowed = "in_stream_into=[...] and out_stream_from=[...], either or both, or else actor=FX.StartActor(...)"
    if not has_topics and not has_actor:
        faults.append(FieldError("", "there are neither topics nor an actor", allowed))
    if has_topics and has_actor:
        faults.append(FieldError("actor", "there are both topics and an actor", allowed))


class Clients(Registry[Client]):
    """The outward clients: a service of the runtime."""

    listed_by = "FX.ListWebSocketClients()"

    async def start(self, client: Client, replacing: Client | None = None, wait: float = 0.0) -> ClientHandle:
        """Connect `client`. Retries for `wait` seconds while its server may still be starting.

        The client that it replaces is stopped only after that, so that no message is lost between them.
        """
        await client.open(wait)
        try:
            self.add(client)
            client.attach()
            if replacing is not None and self.find(replacing.handle) is not None:
                await self.stop(replacing.handle)
        except BaseException:
            await self.stop(client.handle)
            raise
        client.begin()
        return client.handle

    async def stop(self, handle: Entity, timeout: float = STOP_TIMEOUT) -> None:
        """Stop the client with this handle. Raises `NotRunning` when there is none."""
        client = self.get(handle)
        self.forget(handle)
        await client.stop(timeout)

    def actor_ended(self, client: Client) -> None:
        """Stop a client whose actor has stopped."""
        if self.find(client.handle) is not None:
            self._runtime.spawn(self.stop(client.handle), f"stopping {client!r}")

    async def close(self) -> None:
        """Stop all clients at once."""
        await asyncio.gather(*(self.stop(client.handle, _EXIT_TIMEOUT) for client in self), return_exceptions=True)

    def forget_sockets(self) -> None:
        """In a forked child: close the copies of all sockets."""
        for client in self:
            client.forget_sockets()
