"""Endpoints: a WebSocket route connects its clients to topics, or each client to an actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.time import Time
from zefnb.core.types import ByteArray
from zefnb.core.uid import generate_uid
from zefnb.core.wire import Nan
from zefnb.engine.actor import Actor
from zefnb.engine.actors import Actors
from zefnb.engine.behaviour import Behaviour
from zefnb.engine.runtime import Runtime
from zefnb.net.access import USERS, Access
from zefnb.net.pairs import lists_of
from zefnb.net.ports import Topics
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.fanout import Fanouts
from zefnb.net.websocket.shown_headers import without_secrets
from zefnb.net.websocket.slow_client import DEFAULT, SlowClient

MAX_SIZE = 1 << 20


@dataclass(frozen=True)
class EndpointConfig:
    """An `ET.WebSocket` that has been checked: topics, a behaviour, or a `session` for zefnb's own use.

    A `session` is called with each connection that opens, and sets its `on_message`. The notebook's
    live widgets use it.
    """

    subscribe_to: tuple[Entity, ...] = ()
    push_into: tuple[Entity, ...] = ()
    behaviour: Behaviour | None = None
    initial_state: Any = None
    session: Callable[[Connection], None] | None = None
    slow_client: SlowClient = DEFAULT
    max_size: int = MAX_SIZE
    compression: bool = False
    subprotocols: tuple[str, ...] = ()
    nan: Nan = "null"
    history: int = 0
    access: Access = USERS

    @property
    def negotiates(self) -> bool:
        """Whether a handshake may offer something to negotiate."""
        return self.compression or bool(self.subprotocols)


class Endpoint:
    """A WebSocket route of a running server, and its clients."""

    def __init__(
        self, runtime: Runtime, topics: Topics, server: Entity, path: str, config: EndpointConfig, route_value: Any
    ) -> None:
        self.path = path
        self.route_value = route_value
        self.config = config
        self.server = server
        self.clients: dict[int, Connection] = {}
        self.accepted = 0
        self._runtime = runtime
        self._topics = topics
        self._fanouts = runtime.service(Fanouts)
        self._actors = runtime.service(Actors)
        self._has_history = bool(config.history)
        if self._has_history:
            for topic in config.subscribe_to:
                self._fanouts.keep(topics, topic, config.nan, config.history)

    def release_history(self) -> None:
        """Keep the last messages of the topics no longer: no client can connect any more."""
        if self._has_history:
            self._has_history = False
            for topic in self.config.subscribe_to:
                self._fanouts.release(self._topics, topic, self.config.nan, self.config.history)

    @property
    def access(self) -> Access:
        """Whom the route serves."""
        return self.config.access

    def open(
        self,
        connection: Connection,
        path_params: dict[str, str],
        headers: Mapping[str, Sequence[str]],
        query: Sequence[tuple[str, str]],
    ) -> None:
        """Add a client whose handshake has been accepted."""
        self.accepted += 1
        self.clients[connection.channel_id] = connection
        connection.endpoint = self
        connection.slow_client = self.config.slow_client
        connection.max_size = self.config.max_size
        connection.nan = self.config.nan
        connection.on_lost = self._lost
        if self.config.behaviour is not None:
            extra: dict[str, Any] = {"path_params": path_params} if path_params else {}
            if connection.visitor is not None:
                extra["user"] = connection.visitor.user
            shown = without_secrets(headers)
            self._open_actor(
                connection,
                self.config.behaviour,
                headers={name: values[0] for name, values in shown.items()},
                header_lists=shown,
                query_lists=lists_of(query),
                **extra,
            )
        elif self.config.session is not None:
            self.config.session(connection)
        else:
            self._open_topics(connection)

    def _open_topics(self, connection: Connection) -> None:
        config = self.config
        for topic in config.subscribe_to:
            if not connection.is_compressed:
                self._fanouts.join(self._topics, topic, connection, config.nan, config.history)
                continue
            self._topics.subscribe(topic, connection, "websocket")
            if config.history:
                # The topic's earlier messages may yet have to be delivered. They belong to the history.
                send = partial(self._fanouts.send_history, topic, connection, config.nan, config.history)
                self._topics.after_delivery(send)
        connection.pushes = bool(self.config.push_into)
        connection.on_message = self._push() if connection.pushes else self._ignore(connection)

    def _push(self) -> Callable[[Any], None]:
        publish, into = self._topics.publish, self.config.push_into
        if len(into) == 1:
            only = into[0]
            return lambda message: publish(only, ByteArray(message) if type(message) is bytes else message)

        def push(message: Any) -> None:
            content = ByteArray(message) if type(message) is bytes else message
            for topic in into:
                publish(topic, content)

        return push

    def _ignore(self, connection: Connection) -> Callable[[Any], None]:
        def ignore(message: Any) -> None:
            connection.ignored += 1
            text = f"a client of {self.path} sends messages, and the route accepts none; they are ignored"
            self._runtime.journal.note("info", text, key=("ignored", self.server, self.path), server=self.server)

        return ignore

    def _open_actor(self, connection: Connection, behaviour: Behaviour, **of_handshake: Any) -> None:
        topic_in, topic_out = ET.Topic(generate_uid()), ET.Topic(generate_uid())
        handle = ET.Actor(generate_uid(), input=topic_in)
        actor = Actor(self._runtime, behaviour, self.config.initial_state, handle, self.server)
        connection.actor, connection.topic_out = actor, topic_out
        connection.mailbox = actor.mailbox
        connection.on_message = actor.deliver
        self._actors.add(actor)
        self._topics.subscribe(topic_in, actor, "actor")
        self._topics.subscribe(topic_out, connection, "websocket")

        def ended() -> None:
            self._actors.forget(handle)
            self._topics.unsubscribe(topic_in, actor)
            self._topics.unsubscribe(topic_out, connection)
            connection.close(1000, "the actor of this connection has stopped")

        actor.on_end = ended
        actor.deliver(
            ET.WSClientConnected(
                client_ip=connection.client_ip,
                path=connection.path,
                query_params=dict(connection.query_params),
                subprotocol=connection.subprotocol,
                time=connection.connect_time,
                topic_in=topic_in,
                topic_out=topic_out,
                **_origin(connection),
                http_server=self.server,
                channel_id=connection.channel_id,
                **of_handshake,
            )
        )

    def _lost(self, connection: Connection) -> None:
        self.clients.pop(connection.channel_id, None)
        if connection.actor is not None:
            connection.actor.deliver_last(
                ET.WSClientDisconnected(
                    client_ip=connection.client_ip,
                    path=connection.path,
                    time=Time.now(),
                    **_origin(connection),
                    http_server=self.server,
                    channel_id=connection.channel_id,
                    close_code=connection.close_code,
                )
            )
            return
        for topic in self.config.subscribe_to:
            if connection.is_compressed:
                self._topics.unsubscribe(topic, connection)
            else:
                self._fanouts.leave(self._topics, topic, connection, self.config.nan)

    def failed(self, connection: Connection, error: Exception) -> None:
        """Report an error that occurred outside a handler while a message was received."""
        text = f"client {connection.channel_id} of {self.path}"
        channel, key = connection.channel_id, ("client of", self.path)
        self._runtime.journal.exception(
            text, error, key=key, example=f"client {channel}", server=self.server, channel_id=channel
        )

    def closed_slow(self, connection: Connection, reason: str) -> None:
        """Report that a client that does not read is closed."""
        text = f"client {connection.channel_id} of {self.path} closed with 1013: {reason}"
        channel, key = connection.channel_id, ("closed as slow", self.server, self.path)
        self._runtime.journal.note(
            "warning", text, key=key, example=f"client {channel}", server=self.server, channel_id=channel
        )


def _origin(connection: Connection) -> dict[str, str]:
    return {} if connection.origin is None else {"origin": connection.origin}
