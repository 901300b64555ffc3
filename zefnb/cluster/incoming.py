"""Incoming messages: decoded, and handed to the subscribers in this process or to the handler of an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zefnb.cluster.batch import EVENT, FAR, Received
from zefnb.cluster.homes import Homes
from zefnb.cluster.lagging import LaggingActors
from zefnb.cluster.nodes import Nodes
from zefnb.cluster.outgoing import Outgoing
from zefnb.cluster.send_queue import Message
from zefnb.cluster.sharing import SharedState, Sharing
from zefnb.core.codec.codec import decode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.uid import is_uid
from zefnb.engine.actor import Actor
from zefnb.engine.runtime import Runtime
from zefnb.errors import ClusterUnavailable
from zefnb.topics.hub import Hub, TopicState

OnEvent = Callable[[str, Any], None]


class Incoming:
    """The messages that this node reads from the log, in order."""

    def __init__(
        self,
        runtime: Runtime,
        incarnation: str,
        sharing: Sharing,
        nodes: Nodes,
        homes: Homes,
        outgoing: Outgoing,
        lagging: LaggingActors,
    ) -> None:
        self._runtime = runtime
        self._hub = runtime.service(Hub)
        self._incarnation = incarnation
        self._sharing = sharing
        self._nodes = nodes
        self._homes = homes
        self._outgoing = outgoing
        # Called with the incarnation of the node that has announced an event, and the value.
        self.handlers: dict[str, OnEvent] = {}
        self.refused = 0
        self.lagging = lagging
        # The topics of the present entry whose actors may have full mailboxes.
        self._touched: set[TopicState] = set()

    def take(self, publisher: str, first: int, messages: list[Received]) -> None:
        """Deliver messages of one batch."""
        is_own, unread = publisher == self._incarnation, self._outgoing.unread
        if is_own and self._outgoing.skip_to(first + len(messages)):
            self.damaged("a message of this node that it has not sent")
        for number, message in enumerate(messages, first):
            own = unread.find(number) if is_own else None
            try:
                if message.kind == EVENT:
                    self._handle(publisher, message)
                else:
                    self._deliver(publisher, number, message, own)
            except Exception as error:
                self._failed(publisher, error)
        if is_own:
            unread.read(first + len(messages) - 1)

    def _failed(self, publisher: str, error: Exception) -> None:
        """Count a message that cannot be read. It is left out, and the reader continues in any case."""
        reason = f": {error}" if isinstance(error, Undecodable) else f" causes a {type(error).__name__}"
        self.damaged(f"a message of {self._nodes.name(publisher)}{reason}")

    def _handle(self, publisher: str, message: Received) -> None:
        handler = self.handlers.get(message.key)
        if handler is None:
            return
        value = decode(message.content)
        try:
            handler(publisher, value)
        except ClusterUnavailable:
            return  # no capacity for a reply to this event
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise Undecodable(f"the event {message.key!r} is not valid ({type(error).__name__})") from None

    def _deliver(self, publisher: str, number: int, message: Received, own: Message | None) -> None:
        state = self._hub.state(message.key)
        if state is None and own is not None and own.receivers:
            state = self._sharing.get(message.key)  # all of them have ended since
        if state is None:
            return  # without subscribers nothing is decoded
        if own is not None and own.receivers is not None:
            receivers = own.receivers
        elif isinstance(state, SharedState):
            receivers = state.receivers
        elif is_uid(message.key):
            receivers = state.snapshot  # a topic of this node, published to by another one
        else:
            return
        if publisher != self._incarnation:
            state.published += 1
        cause, sender = (None, None) if own is None else (own.cause, own.sender)
        if self.lagging.actors:
            receivers = self.lagging.without(receivers, message.key, publisher, number, cause)
        if receivers:
            self._hub.receive(state.topic, receivers, self._content(message), cause, sender)
            # Now, while its actors are in the processor's cache: most have handled the message and are not full.
            if not isinstance(state, SharedState) or state.has_busy_actor or self._hub.is_delivering:
                self._touched.add(state)

    def deliver_late(self, actor: Actor, publisher: str, message: Received, cause: Any) -> None:
        """Deliver a message to an actor that lags."""
        state = self._hub.state(message.key)
        if state is None or actor not in state.subscribers:
            return
        try:
            self._hub.receive(state.topic, (actor,), self._content(message), cause, None)
        except Exception as error:
            self._failed(publisher, error)

    def begin_lags(self) -> None:
        """After an entry: actors whose mailboxes are full lag from now on."""
        for state in self._touched:
            for actor in state.actors if isinstance(state, SharedState) else self._hub.full_actors(state.subscribers):
                if actor.mailbox.is_full:
                    self.lagging.begin(actor)
        self._touched.clear()

    def _content(self, message: Received) -> Any:
        content = decode(message.content)
        if message.kind != FAR:
            return content
        if type(content) is not tuple or len(content) != 2:
            raise Undecodable("the homes of its handles are missing")
        content, homes = content
        self._homes.add(homes)
        return content

    def deliver(self, key: str, content: Any) -> None:
        """Deliver what an event has for the subscribers of a topic, at the place of the event."""
        state = self._hub.state(key)
        receivers = state.receivers if isinstance(state, SharedState) else () if state is None else state.snapshot
        if state is None or not receivers:
            return
        if isinstance(state, SharedState):
            self._touched.add(state)
        state.published += 1
        self._hub.receive(state.topic, receivers, content, None, None)

    def damaged(self, reason: str) -> None:
        """Count an entry or a message that cannot be read, and report it."""
        self.refused += 1
        text = f"the cluster's log has an entry that is not valid, which is left out: {reason}"
        self._runtime.journal.note("error", text, key="an entry of the cluster's log", example=reason)
