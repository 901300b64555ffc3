"""The interface of objects that observe the clients of a server, such as recordings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zefnb.core.entity import Entity
from zefnb.net.websocket.page_port import Client


class Observer(Protocol):
    """Observes the clients of a server. Called on the loop only.

    A server without an observer pays for none: an observer changes the `on_message` of each client.
    """

    def opened(self, client: Client, topic: Entity | None, message: Any) -> None:
        """A client has connected. `message` is its `ET.WSClientConnected`, which its actor, if any, receives next."""

    def receiver(self, client: Client, topic: Entity | None, receive: Callable[..., None]) -> Callable[..., None]:
        """Return the function that replaces `receive`, the receiver of a client's messages, and calls it."""

    def closing(self, client: Client, topic: Entity | None, message: Any) -> None:
        """A client has left. `message` is its `ET.WSClientDisconnected`, which its actor, if any, receives next."""

    def stopped(self) -> None:
        """The server has stopped: there are no more calls."""
