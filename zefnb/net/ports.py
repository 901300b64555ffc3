"""What the network side needs of the topics: named here, given by the effects one floor up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from zefnb.core.entity import Entity


class Topics(Protocol):
    """The hub, as seen from a socket."""

    def publish(self, topic: Entity, content: Any) -> None:
        """Hand `content` to every subscriber of `topic`."""

    def subscribe(self, topic: Entity, subscriber: Any, kind: str) -> int:
        """Have `subscriber.deliver(content)` called from now on."""

    def unsubscribe(self, topic: Entity, subscriber: Any) -> bool:
        """End that."""

    def are_congested(self, topics: Iterable[Entity]) -> bool:
        """Whether an actor that what is published to them leads to has a full mailbox."""
