"""Incoming messages: how the options of a route change a client's message before a topic or an actor receives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from zefnb.core.entity import ET, Entity
from zefnb.core.json_text import NotJSON, from_json_text
from zefnb.core.types import ByteArray
from zefnb.net.ports import Topics

OnMessage = Callable[[Any], None]
# A value of JSON takes at most about so many times the memory of its text.
_BYTES_PER_CHARACTER = 16


class Sender(Protocol):
    """A client whose messages are published."""

    channel_id: int
    visitor: Any


def publisher(topics: Topics, into: Sequence[Entity], sender: Sender | None = None) -> OnMessage:
    """Publishes each message to these topics, whose messages `sender` does not get back."""
    publish = topics.publish if sender is None else partial(topics.publish, sender=sender)
    if len(into) == 1:
        only = into[0]
        return lambda message: publish(only, ByteArray(message) if type(message) is bytes else message)

    def push(message: Any) -> None:
        content = ByteArray(message) if type(message) is bytes else message
        for topic in into:
            publish(topic, content)

    return push


def with_sender(connection: Sender, push: OnMessage) -> OnMessage:
    """Passes each message on as an `ET.Sent`."""

    def push_sent(message: Any) -> None:
        user = {} if connection.visitor is None else {"user": connection.visitor.user}
        content = ByteArray(message) if type(message) is bytes else message
        push(ET.Sent(content=content, channel_id=connection.channel_id, **user))

    return push_sent


def parsed(push: OnMessage, reject: Callable[[str], None]) -> OnMessage:
    """Passes the value of each JSON text on, and binary messages unchanged. Calls `reject` for other text."""

    def push_value(message: Any) -> None:
        if type(message) is str:
            try:
                message = from_json_text(message)
            except NotJSON as error:
                reject(f"the text is not JSON: {error}")
                return
        push(message)

    return push_value


def parsed_for_actor(deliver: Callable[[Any, int | None], None], reject: Callable[[str], None]) -> OnMessage:
    """As `parsed`, for an actor, in whose mailbox a value counts as the memory that it takes."""

    def receive(message: Any) -> None:
        size = len(message) * _BYTES_PER_CHARACTER
        parsed(lambda value: deliver(value, size if value is not message else None), reject)(message)

    return receive
