"""Consumers: they pass the messages from an outward connection to topics or to one actor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from zefnb.core.entity import ET, Entity
from zefnb.core.time import Time
from zefnb.core.types import ByteArray
from zefnb.core.uid import generate_uid
from zefnb.engine.actor import Actor
from zefnb.engine.actors import Actors
from zefnb.engine.behaviour import Behaviour
from zefnb.engine.runtime import Runtime
from zefnb.net.client.failures import Disconnect
from zefnb.net.ports import Topics
from zefnb.net.websocket.outbox import Outbox

_POLL = 0.02
# Bytes between two checks whether all subscribers can follow; each message counts for `_OVERHEAD` more than it has.
_CHECK_EVERY = 16 << 10
_OVERHEAD = 1_024


class Consumer(Protocol):
    """The inner side of an outward client. Used on the loop only."""

    def attach(self, client: Any, url: str) -> None:
        """Subscribe `client`, so that messages for the server reach its `deliver`."""

    def detach(self) -> None:
        """Unsubscribe the client."""

    def on_connect(self, subprotocol: str | None) -> None:
        """The connection is made, for the first time or again."""

    def on_message(self, message: str | bytes) -> None:
        """A message has arrived."""

    def on_disconnect(self, disconnect: Disconnect) -> None:
        """The connection is lost, and the client reconnects."""

    def on_stop(self, disconnect: Disconnect) -> None:
        """The client has stopped; no more messages arrive."""

    def is_full(self) -> bool:
        """Whether the reader should wait."""

    async def wait_for_capacity(self) -> None:
        """Wait until there is room."""


class TopicConsumer:
    """Publishes the received messages, and sends messages that are published."""

    def __init__(
        self, runtime: Runtime, topics: Topics, push_into: Sequence[Entity], subscribe_to: Sequence[Entity]
    ) -> None:
        self._topics = topics
        self.push_into = tuple(push_into)
        self.subscribe_to = tuple(subscribe_to)
        self._slow_clients = runtime.service(Outbox).slow_clients
        self._client: Any = None
        self._until_check = _CHECK_EVERY

    def attach(self, client: Any, url: str) -> None:
        self._client = client
        for topic in self.subscribe_to:
            self._topics.subscribe(topic, client, "client")

    def detach(self) -> None:
        for topic in self.subscribe_to:
            self._topics.unsubscribe(topic, self._client)

    def on_connect(self, subprotocol: str | None) -> None:
        pass

    def on_message(self, message: str | bytes) -> None:
        self._until_check -= _OVERHEAD + len(message)
        content = ByteArray(message) if isinstance(message, bytes) else message
        for topic in self.push_into:
            self._topics.publish(topic, content)

    def on_disconnect(self, disconnect: Disconnect) -> None:
        pass

    def on_stop(self, disconnect: Disconnect) -> None:
        pass

    def is_full(self) -> bool:
        """Whether clients of zefnb's servers, or an actor, cannot follow: reading waits for them, as on a server."""
        if self._until_check > 0:
            return self._slow_clients.is_pausing
        self._until_check = _CHECK_EVERY
        return self._slow_clients.is_pausing or self._topics.are_congested(self.push_into)

    async def wait_for_capacity(self) -> None:
        while self._slow_clients.is_pausing or self._topics.are_congested(self.push_into):
            await asyncio.sleep(_POLL)


class ActorConsumer:
    """Passes messages to one actor, which outlives the connections. Sends what the actor publishes to `topic_out`."""

    actor: Actor | None = None

    def __init__(
        self, runtime: Runtime, topics: Topics, behaviour: Behaviour, initial_state: Any, on_end: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._topics = topics
        self._behaviour = behaviour
        self._initial_state = initial_state
        self._on_end = on_end
        self._topic_in, self._topic_out = ET.Topic(generate_uid()), ET.Topic(generate_uid())
        self._client: Any = None
        self._url = ""

    def attach(self, client: Any, url: str) -> None:
        self._client, self._url = client, url
        handle = ET.Actor(generate_uid(), input=self._topic_in)
        self.actor = Actor(self._runtime, self._behaviour, self._initial_state, handle)
        self.actor.on_end = self._ended
        self._runtime.cells.assign_to_current_cell(handle)
        self._runtime.service(Actors).add(self.actor)
        self._topics.subscribe(self._topic_in, self.actor, "actor")
        self._topics.subscribe(self._topic_out, client, "client")

    def detach(self) -> None:
        self._topics.unsubscribe(self._topic_out, self._client)

    def _ended(self) -> None:
        assert self.actor is not None
        self._runtime.service(Actors).forget(self.actor.handle)
        self._topics.unsubscribe(self._topic_in, self.actor)
        self.detach()
        self._on_end()

    def on_connect(self, subprotocol: str | None) -> None:
        negotiated = {} if subprotocol is None else {"subprotocol": subprotocol}
        self._deliver(
            ET.WSServerConnected(
                url=self._url,
                time=Time.now(),
                topic_in=self._topic_in,
                topic_out=self._topic_out,
                client=self._client.handle,
                **negotiated,
            )
        )

    def on_message(self, message: str | bytes) -> None:
        self._deliver(message)

    def _deliver(self, message: Any) -> None:
        assert self.actor is not None
        self.actor.deliver(message)

    def _disconnect_message(self, disconnect: Disconnect) -> Entity:
        message: Entity = ET.WSServerDisconnected(
            url=self._url, time=Time.now(), code=disconnect.code, reason=disconnect.reason
        )
        return message

    def on_disconnect(self, disconnect: Disconnect) -> None:
        self._deliver(self._disconnect_message(disconnect))

    def on_stop(self, disconnect: Disconnect) -> None:
        if self.actor is not None:
            self.actor.deliver_last(self._disconnect_message(disconnect))

    def is_full(self) -> bool:
        return self.actor is not None and self.actor.mailbox.is_full

    async def wait_for_capacity(self) -> None:
        while self.is_full():
            assert self.actor is not None
            free = asyncio.Event()
            self.actor.mailbox.on_capacity = free.set
            await free.wait()
