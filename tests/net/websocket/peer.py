"""A client of the subprotocol on a plain socket, which does only what a test says."""

from __future__ import annotations

import json
from typing import Any

from tests.net.conftest import on_loop
from tests.net.wire import BINARY, TEXT, Wire, frame
from zefnb.engine.runtime import default_runtime
from zefnb.net.websocket.session import Session
from zefnb.net.websocket.sessions import Sessions

NUL = "\0"


class Peer:
    """One connection. It counts the messages of the program, and acknowledges none by itself."""

    def __init__(self, wire: Wire, received: int = 0) -> None:
        self.wire = wire
        self.received = received

    def control(self, kind: str, **fields: Any) -> None:
        """Send a control message."""
        self.wire.send(frame(NUL + json.dumps({"type": kind, **fields})))

    def send(self, *messages: str | bytes) -> None:
        """Send messages of the program."""
        for message in messages:
            if isinstance(message, bytes):
                self.wire.send(frame(message, BINARY))
            else:
                self.wire.send(frame(NUL + message if message.startswith(NUL) else message))

    def next(self) -> Any:
        """The next message: a dict for a control message, else text or bytes."""
        got = self.wire.read()
        assert got.opcode in (TEXT, BINARY), got
        if got.opcode == BINARY:
            self.received += 1
            return got.payload
        text = got.payload.decode()
        if text.startswith(NUL) and not text.startswith(NUL * 2):
            fields: Any = json.loads(text[1:])
            return fields
        self.received += 1
        return text.removeprefix(NUL)

    def read(self, count: int) -> list[Any]:
        """The next messages of the program, without control messages."""
        got: list[Any] = []
        while len(got) < count:
            message = self.next()
            if not isinstance(message, dict):
                got.append(message)
        return got

    def read_control(self, kind: str) -> dict[str, Any]:
        """The next message, which must be this control message."""
        message = self.next()
        assert isinstance(message, dict), message
        assert message["type"] == kind, message
        return message

    def hello(self) -> dict[str, Any]:
        """Begin a session. Returns the welcome."""
        self.control("hello")
        return self.read_control("welcome")

    def resume(self, session: str, received: int, confirmed: int = 0) -> dict[str, Any]:
        """Resume a session. Returns the welcome."""
        self.control("resume", session=session, received=received, confirmed=confirmed)
        welcome = self.read_control("welcome")
        self.received = welcome["position"]
        return welcome


def all_sessions() -> list[Session]:
    """The sessions of this process."""
    return on_loop(lambda: list(default_runtime().service(Sessions)._by_id.values()))  # type: ignore[no-any-return]


def lose_connections() -> None:
    """End the connections of all sessions, as a lost network does."""
    for session in all_sessions():
        if session.connection is not None:
            on_loop(session.connection.transport.abort)


def is_away(until: Any, count: int = 1) -> None:
    """Wait until so many sessions have no connection."""
    until(lambda: sum(each.connection is None for each in all_sessions()) == count)
