"""Ports: the interface of the hub that this package uses. The effects pass the hub in: `net` may not import it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from zefnb.core.entity import Entity


class Topics(Protocol):
    """The hub, as a connection uses it."""

    def publish(self, topic: Entity, content: Any, *, sender: Any = None) -> None:
        """Deliver `content` to every subscriber of `topic` but the connection `sender`."""

    def subscribe(self, topic: Entity, subscriber: Any, kind: str) -> int:
        """Call `subscriber.deliver(content)` for each message from now on."""

    def unsubscribe(self, topic: Entity, subscriber: Any) -> bool:
        """Stop calling `subscriber.deliver`."""

    def after_delivery(self, call: Callable[[], None]) -> None:
        """Call `call` once all messages published before have been delivered, which may be now."""

    def are_congested(self, topics: Iterable[Entity]) -> bool:
        """Whether an actor that receives messages from these topics has a full mailbox."""
