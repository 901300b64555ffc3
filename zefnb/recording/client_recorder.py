"""Records the clients of a server."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.entity import Entity, Topic
from zefnb.core.record import replaced
from zefnb.core.snapshot import snapshot
from zefnb.core.types import ByteArray
from zefnb.engine.runtime import Runtime
from zefnb.net.http.server import Server
from zefnb.net.websocket.page_port import Client
from zefnb.recording.actor_results import ActorResults, first_state
from zefnb.recording.hidden import public, without_credentials
from zefnb.recording.source import CONNECTED, DISCONNECTED, MESSAGE, Source
from zefnb.recording.tape import GrowingTape


class ClientRecorder:
    """Observes the clients of a server, and adds their messages to a tape."""

    def __init__(self, runtime: Runtime, tape: GrowingTape, server: Server, on_stopped: Callable[[], None]) -> None:
        self._runtime = runtime
        self._tape = tape
        self._server = server
        self._on_stopped = on_stopped
        self._sources: dict[Client, Source] = {}
        self._results: dict[Client, ActorResults] = {}
        # Those of clients that have left.
        self._ending: list[ActorResults] = []

    def start(self) -> None:
        """Record from now on."""
        self._server.observe(self)

    def detach(self) -> None:
        """Add no more rows."""
        self._server.unobserve(self)

    @property
    def is_idle(self) -> bool:
        """Whether the result of each message is recorded."""
        return all(each.is_idle for each in (*self._results.values(), *self._ending))

    def end(self) -> None:
        """Record no more results."""
        for results in (*self._results.values(), *self._ending):
            results.end()
        # The receivers of messages have methods of observed actors until they are made again.
        self._server.unobserve(self)
        self._ending.clear()
        self._results.clear()
        self._sources.clear()

    def opened(self, client: Client, topic: Entity | None, message: Any) -> None:
        content, removed = public(message)
        source = self._source(client, topic, content.__dict__["path"], removed)
        number = self._tape.add(time_ns(), CONNECTED, source, content)
        self._expect(client, number)

    def receiver(self, client: Client, topic: Entity | None, receive: Callable[..., None]) -> Callable[..., None]:
        source = self._sources.get(client) or self._source(client, topic, client.path, ())
        if client.actor is not None:
            return self._actor_receiver(client, source, receive)
        add = self._tape.adder(MESSAGE, source)

        def record(message: Any) -> None:
            add(message)
            receive(message)

        def record_published(message: Any) -> None:
            if type(message) is bytes:
                message = ByteArray(message)
                add(message)
            else:
                # Topics do not change it, but they may publish it to actors, which can.
                add(message if type(message) in PLAIN else snapshot(message))
            receive(message)

        return self._tape.text_adder(MESSAGE, source, receive, record if topic is None else record_published)

    def _actor_receiver(self, client: Client, source: Source, receive: Callable[..., None]) -> Callable[..., None]:
        add, results = self._tape.add, self._results[client]
        actor = results.actor
        if getattr(receive, "__self__", None) is actor:
            receive = actor.deliver  # that of an observed actor

        def record(message: Any, size: int | None = None) -> None:
            content = message if type(message) in PLAIN else snapshot(message)
            results.row = add(time_ns(), MESSAGE, source, content)
            receive(message, size)

        return record

    def closing(self, client: Client, topic: Entity | None, message: Any) -> None:
        source = self._sources.pop(client, None)
        if source is None:
            return
        content, _ = public(message)
        if source.path is not None:
            content = replaced(content, path=source.path)
        self._expect(client, self._tape.add(time_ns(), DISCONNECTED, source, content))
        if client in self._results:
            # Its handler has yet to return.
            self._ending = [each for each in self._ending if not each.actor.ended] + [self._results.pop(client)]

    def stopped(self) -> None:
        self._on_stopped()

    def _expect(self, client: Client, number: int) -> None:
        """The actor, if any, receives the message of the row with this number next."""
        results = self._results.get(client)
        if results is not None:
            results.row = number

    def _source(self, client: Client, topic: Entity | None, path: str, removed: tuple[str, ...]) -> Source:
        actor, visitor = client.actor, client.visitor
        user = None if visitor is None else without_credentials(visitor.user)
        state = None if actor is None else first_state(actor)
        made = Source(
            0, topic if isinstance(topic, Topic) else None, client.channel_id, path, user, actor is not None, state
        )
        source = self._sources[client] = self._tape.new_source(made)
        if actor is not None:
            self._results[client] = ActorResults(self._runtime, self._tape, source, actor, removed)
        return source
