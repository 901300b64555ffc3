"""Endpoints: a WebSocket route connects its clients to topics, or each client to an actor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from websockets.frames import CloseCode

from zefnb.core.entity import ET, Entity
from zefnb.core.frozen import Frozen
from zefnb.core.uid import generate_uid
from zefnb.core.wire import Nan
from zefnb.engine.actor import Actor
from zefnb.engine.actors import Actors
from zefnb.engine.behaviour import Behaviour
from zefnb.engine.runtime import Runtime
from zefnb.net.access import USERS, Access
from zefnb.net.ports import Topics
from zefnb.net.websocket.client_messages import connected_message, disconnected_message
from zefnb.net.websocket.client_request import ClientRequest
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.fanout import Fanouts
from zefnb.net.websocket.incoming import parsed, parsed_for_actor, publisher, with_sender
from zefnb.net.websocket.observer import Observer
from zefnb.net.websocket.page_port import Client, PageConfig
from zefnb.net.websocket.resume import DEFAULT as DEFAULT_RESUME
from zefnb.net.websocket.resume import Resume
from zefnb.net.websocket.session import Session
from zefnb.net.websocket.sessions import Sessions
from zefnb.net.websocket.shown_headers import without_secrets
from zefnb.net.websocket.slow_client import DEFAULT, SlowClient
from zefnb.net.websocket.subprotocol import NAME

if TYPE_CHECKING:
    from zefnb.net.websocket.presence import Presence

MAX_SIZE = 1 << 20


class EndpointConfig(Frozen):
    """An `ET.WebSocket` that has been checked: topics, a behaviour, or for zefnb's own use a `session` or a `page`.

    A `session` is called with each connection that opens, and sets its `on_message`. The notebook's
    live widgets use it.
    """

    subscribe_to: tuple[Entity, ...] = ()
    push_into: tuple[Entity, ...] = ()
    behaviour: Behaviour | None = None
    initial_state: Any = None
    session: Callable[[Connection], None] | None = None
    page: PageConfig | None = None
    slow_client: SlowClient = DEFAULT
    resume: Resume = DEFAULT_RESUME
    max_size: int = MAX_SIZE
    compression: bool = False
    subprotocols: tuple[str, ...] = ()
    nan: Nan = "null"
    history: int = 0
    json: bool = False
    echo: bool = True
    sender: bool = False
    presence: Entity | None = None
    access: Access = USERS

    @property
    def mode(self) -> Literal["topic", "actor", "page"]:
        """The receivers of messages of the clients: topics, an actor of each, or the page of parts that they show."""
        if self.page is not None:
            return "page"
        return "topic" if self.behaviour is None else "actor"

    @property
    def negotiates(self) -> bool:
        """Whether a handshake may offer something to negotiate."""
        return self.compression or bool(self.subprotocols)


class Endpoint:
    """A WebSocket route of a running server, and its clients."""

    def __init__(
        self,
        runtime: Runtime,
        topics: Topics,
        server: Entity,
        path: str,
        config: EndpointConfig,
        route_value: Any,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.path = path
        self.route_value = route_value
        self.config = config
        self.server = server
        self.clients: dict[int, Connection] = {}
        self.accepted = 0
        self._runtime = runtime
        self._topics = topics
        # Those of the server. The list changes while the server runs.
        self._observers = observers
        self._fanouts = runtime.service(Fanouts)
        self._actors = runtime.service(Actors)
        self._sessions = runtime.service(Sessions)
        self._presence = None if config.presence is None else _presence_of(runtime)
        self._page = None if config.page is None else config.page.start(runtime, topics, server, path)
        # Publishes the messages of any client, so that most routes need no function for each client.
        self._publish = publisher(topics, config.push_into)
        self._has_history = bool(config.history)
        if self._has_history:
            for topic in config.subscribe_to:
                self._fanouts.keep(topics, topic, config.nan, config.history)

    def release_history(self) -> None:
        """Keep the last messages of the topics, and the state of a page, no longer: no client can connect any more."""
        if self._page is not None:
            self._page.release()
        if self._has_history:
            self._has_history = False
            for topic in self.config.subscribe_to:
                self._fanouts.release(self._topics, topic, self.config.nan, self.config.history)

    def retire(self) -> None:
        """The route is replaced or removed: its clients stay, and open pages load what is served now."""
        self.release_history()
        if self._page is not None:
            self._page.reload()

    @property
    def access(self) -> Access:
        """Whom the route serves."""
        return self.config.access

    @property
    def resume(self) -> Resume:
        """For how long, and for how many bytes, sessions stay without a connection."""
        return self.config.resume

    @property
    def address(self) -> tuple[int, str]:
        """The port and the path, which stay the same when the server is replaced."""
        return self.server.port, self.path

    def open(self, connection: Connection, request: ClientRequest) -> None:
        """Add a client whose handshake has been accepted."""
        self.accepted += 1
        self.clients[connection.channel_id] = connection
        connection.endpoint = self
        connection.slow_client = self.config.slow_client
        connection.max_size = self.config.max_size
        connection.nan = self.config.nan
        if connection.subprotocol == NAME:
            self._sessions.greet(connection, self, partial(self._begin, request=request))
            return
        connection.on_lost = self._lost
        if self.config.session is not None:
            self.config.session(connection)
        else:
            self._begin(connection, request)

    def _begin(self, client: Client, request: ClientRequest, present: Sequence[Entity] = ()) -> None:
        """Give a new client its topics or its actor. It is subscribed to the topics in `present` already."""
        if self.config.behaviour is not None:
            if self._join(client, request.path_params):
                self._open_actor(client, self.config.behaviour, request)
            return
        if self._observers:
            self._opened(client, connected_message(client, self.server, request))
        if self._page is not None:
            self._page.open(client)
            client.on_message = self._receiver(client)
        else:
            self._open_topics(client, present)
        if self._presence is not None:
            self._join(client, request.path_params)

    def _join(self, client: Client, path_params: dict[str, str]) -> bool:
        """Publish that the client has joined. Returns false if a subscriber has closed it at once."""
        topic, presence = self.config.presence, self._presence
        if topic is None or presence is None:
            return True
        return presence.join(self._topics, topic, client, self.server, path_params)

    def away_changed(self, session: Session) -> None:
        """A client that can come back has lost its connection, or has come back."""
        if self._presence is not None:
            self._presence.away_changed(session)

    def take_over(self, session: Session, previous: Endpoint, begin: Callable[..., None]) -> None:
        """Serve a session of the route that this one has replaced, without a gap in the topics of both."""
        before, config = previous.config, self.config
        if previous._presence is not None and config.presence is None:
            previous._presence.leave_route(session)
        has_page = before.page is not None or config.page is not None
        if has_page or before.behaviour is not None or config.behaviour is not None or before.nan != config.nan:
            previous._withdraw(session)
            begin(session)
            return
        for topic in before.subscribe_to:
            if topic not in config.subscribe_to:
                self._fanouts.leave(self._topics, topic, session, before.nan)
        begin(session, present=before.subscribe_to)

    def _open_topics(self, connection: Client, present: Sequence[Entity] = ()) -> None:
        config = self.config
        for topic in config.subscribe_to:
            if topic in present:
                continue
            if not connection.is_compressed:
                self._fanouts.join(self._topics, topic, connection, config.nan, config.history)
                continue
            self._topics.subscribe(topic, connection, "websocket")
            if config.history:
                # The topic's earlier messages may yet have to be delivered. They belong to the history.
                send = partial(self._fanouts.send_history, topic, connection, config.nan, config.history)
                self._topics.after_delivery(send)
        connection.pushes = bool(self.config.push_into)
        connection.on_message = self._receiver(connection)

    def _receiver(self, client: Client) -> Callable[[Any], None]:
        """The function that receives the messages of a client."""
        config = self.config
        if config.behaviour is not None:
            deliver = self._observed(client, client.actor.deliver)
            return parsed_for_actor(deliver, partial(self._reject, client)) if config.json else deliver
        if self._page is not None:
            return self._observed(client, self._page.receiver(client))
        if not config.push_into:
            return self._observed(client, self._ignore(client))
        push = self._publish if config.echo else publisher(self._topics, config.push_into, client)
        if config.sender:
            push = with_sender(client, push)
        if self._observers:
            push = self._observed(client, push)
        return parsed(push, partial(self._reject, client)) if config.json else push

    def _observed(self, client: Client, receive: Callable[..., None]) -> Callable[..., None]:
        for observer in self._observers:
            receive = observer.receiver(client, self._topic, receive)
        return receive

    @property
    def _topic(self) -> Entity | None:
        """The first topic of the route, for its observers."""
        return self.config.push_into[0] if self.config.push_into else None

    @property
    def every_client(self) -> list[Client]:
        """The connected clients, and the sessions of those that can come back."""
        plain = [each for each in self.clients.values() if each.session is None and each.on_lost == self._lost]
        return [*plain, *self._sessions.of(self)]

    def observers_changed(self) -> None:
        """Let the messages of each client pass through the observers of the server."""
        from zefnb.net.websocket.taps import set_receiver  # which most servers never need

        for client in self.every_client:
            set_receiver(client, self._receiver(client))

    def _ignore(self, connection: Client) -> Callable[[Any], None]:
        def ignore(message: Any) -> None:
            connection.ignored += 1
            text = f"a client of {self.path} sends messages, and the route accepts none; they are ignored"
            self._runtime.journal.note("info", text, key=("ignored", self.server, self.path), server=self.server)

        return ignore

    def _open_actor(self, connection: Client, behaviour: Behaviour, request: ClientRequest) -> None:
        topic_in, topic_out = ET.Topic(generate_uid()), ET.Topic(generate_uid())
        handle = ET.Actor(generate_uid(), input=topic_in)
        actor = Actor(self._runtime, behaviour, self.config.initial_state, handle, self.server)
        connection.actor, connection.topic_out = actor, topic_out
        connection.mailbox = actor.mailbox
        self._actors.add(actor)
        self._topics.subscribe(topic_in, actor, "actor")
        self._topics.subscribe(topic_out, connection, "websocket")

        def ended() -> None:
            self._actors.forget(handle)
            self._topics.unsubscribe(topic_in, actor)
            self._topics.unsubscribe(topic_out, connection)
            if self._presence is not None:
                self._presence.actor_ended(connection)
            if connection.actor is actor:
                connection.close(1000, "the actor of this connection has stopped")

        actor.on_end = ended
        if self._presence is not None:
            self._presence.actor_started(connection)
        topics = {"topic_in": topic_in, "topic_out": topic_out}
        shown = without_secrets(request.headers)
        headers = {"headers": {name: values[0] for name, values in shown.items()}, "header_lists": shown}
        message = connected_message(connection, self.server, request, topics, headers)
        self._opened(connection, message)
        connection.on_message = self._receiver(connection)
        actor.deliver(message)

    def _opened(self, client: Client, message: Any) -> None:
        for observer in self._observers:
            observer.opened(client, self._topic, message)

    def end_actors(self) -> None:
        """End the actors of clients that can come back: the server stops, or is replaced."""
        for session in self._sessions.of(self):
            self._end_actor(session)

    @property
    def has_sessions(self) -> bool:
        """Whether a client can come back."""
        return bool(self._sessions.of(self))

    def end_sessions(self) -> None:
        """End the sessions: no server replaces this one."""
        self._sessions.end_of(self)

    def observe_end(self) -> None:
        """Report to the observers that clients which could come back have left, since the server has stopped."""
        if self.config.behaviour is None and self._observers:
            for session in self._sessions.of(self):
                self._closing(session, disconnected_message(session, self.server))

    def _lost(self, connection: Connection) -> None:
        self.clients.pop(connection.channel_id, None)
        self.leave(connection)

    def _end_actor(self, connection: Client) -> None:
        actor = connection.actor
        if actor is not None:
            message = disconnected_message(connection, self.server)
            self._closing(connection, message)
            if isinstance(connection, Session):
                connection.actor = connection.mailbox = None
            actor.deliver_last(message)

    def _closing(self, client: Client, message: Any) -> None:
        for observer in self._observers:
            observer.closing(client, self._topic, message)

    def leave(self, connection: Client) -> None:
        """Take a disconnected client out of the topics, or end its actor, and publish its leave."""
        self._withdraw(connection)
        if self._presence is not None:
            self._presence.leave(connection)

    def _withdraw(self, connection: Client) -> None:
        if self.config.behaviour is not None:
            self._end_actor(connection)
            return
        if self._observers:
            self._closing(connection, disconnected_message(connection, self.server))
        if self._page is not None:
            self._page.closed(connection)
        for topic in self.config.subscribe_to:
            if connection.is_compressed:
                self._topics.unsubscribe(topic, connection)
            else:
                self._fanouts.leave(self._topics, topic, connection, self.config.nan)

    def failed(self, connection: Connection, error: Exception) -> None:
        """Report an error that occurred outside a handler while a message was received."""
        text = f"client {connection.channel_id} of {self.path}"
        channel, key = connection.channel_id, ("client of", self.path)
        self._runtime.report(text, error, key=key, example=f"client {channel}", server=self.server, channel_id=channel)

    def _reject(self, connection: Client, reason: str) -> None:
        """Close a client whose message the route does not accept (RFC 6455, section 7.4.1), and report it."""
        text = f"client {connection.channel_id} of {self.path} closed with 1007: {reason}"
        channel, key = connection.channel_id, ("rejected", self.server, self.path)
        self._runtime.journal.note(
            "warning", text, key=key, example=f"client {channel}", server=self.server, channel_id=channel
        )
        connection.close(CloseCode.INVALID_DATA, reason)

    def closed_slow(self, connection: Connection, reason: str) -> None:
        """Report that a client that does not read is closed."""
        text = f"client {connection.channel_id} of {self.path} closed with 1013: {reason}"
        channel, key = connection.channel_id, ("closed as slow", self.server, self.path)
        self._runtime.journal.note(
            "warning", text, key=key, example=f"client {channel}", server=self.server, channel_id=channel
        )


def _presence_of(runtime: Runtime) -> Presence:
    from zefnb.net.websocket.presence import Presence  # which most servers never need

    return runtime.service(Presence)
