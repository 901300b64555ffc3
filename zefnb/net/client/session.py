"""The session of an outward client at a server that speaks `zefnb.1`: each side counts messages, so that none is lost.

docs/subprotocol.md describes the subprotocol. The server's side is `zefnb.net.websocket.session`.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from zefnb.net.client.connection import OutwardConnection
from zefnb.net.websocket.subprotocol import ACK_EVERY, MARK, NAME, control_text, parse_control

# Seconds.
_WELCOME_TIMEOUT = 10.0
_ACK_INTERVAL = 0.1


class NoWelcome(Exception):
    """The server has chosen the subprotocol, and does not speak it."""


class Welcome(NamedTuple):
    """The first message of a server.

    `confirmed` is how many more messages the server has than it had confirmed before. `missing` is how many of its own
    messages the client does not get: `None` when the server has no such session, and cannot count them.
    """

    confirmed: int
    missing: int | None


class Session:
    """The counts of one client, which last longer than its connections. Used on the loop only."""

    def __init__(self) -> None:
        self.received = 0
        self._id = ""
        self._confirmed = self._acknowledged = 0
        self._ack_due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def position(self) -> int:
        """The number of messages that have arrived, in both directions."""
        return self.received + self._confirmed

    async def begin(self, connection: OutwardConnection) -> Welcome:
        """Open the session, or resume it, by a new connection. Raises `NoWelcome` and `ConnectionClosed`."""
        if self._id:
            counts = {"received": self.received, "confirmed": self._confirmed}
            await connection.send(control_text("resume", session=self._id, **counts))
        else:
            await connection.send(control_text("hello"))
        try:
            message = await asyncio.wait_for(connection.recv(), _WELCOME_TIMEOUT)
        except TimeoutError:
            raise NoWelcome(f"no welcome within {_WELCOME_TIMEOUT:.0f} s") from None
        fields = parse_control(message) if isinstance(message, str) else None
        if fields is None or not _is_welcome(fields):
            raise NoWelcome("its first message is no welcome")
        is_new = bool(self._id) and not fields["resumed"]
        missing: int | None = fields["missing"]
        self._id, self.received = fields["session"], fields["position"]
        self._acknowledged = self.received
        return Welcome(self.confirm(fields["received"]), None if is_new else missing)

    def forget(self) -> None:
        """The server has ended the session: the next connection begins another one."""
        self._id, self._confirmed, self.received, self._acknowledged = "", 0, 0, 0

    def confirm(self, received: int) -> int:
        """The server has `received` messages of this session. Returns how many of these are new."""
        count = max(0, received - self._confirmed)
        self._confirmed += count
        return count

    def count(self) -> None:
        """One more message has been received, which is acknowledged soon."""
        self.received += 1
        if self.received - self._acknowledged >= ACK_EVERY:
            self._ack_due.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_ACK_INTERVAL, self._ack_due.set)

    async def acknowledge(self, connection: OutwardConnection) -> None:
        """Acknowledge received messages until the connection is closed. Raises `ConnectionClosed`."""
        while True:
            await self._ack_due.wait()
            self._ack_due.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self.received > self._acknowledged:
                self._acknowledged = self.received
                await connection.send(control_text("ack", received=self.received))


def speaks_sessions(connection: OutwardConnection) -> bool:
    """Whether the server speaks the subprotocol. Others may choose any that is offered, so it also sends a header."""
    response = connection.response
    return connection.subprotocol == NAME and response is not None and response.headers.get(MARK) == "1"


def _is_welcome(fields: dict[str, Any]) -> bool:
    missing = fields.get("missing")
    return (
        fields["type"] == "welcome"
        and isinstance(fields.get("session"), str)
        and isinstance(fields.get("resumed"), bool)
        and _is_count(fields.get("position"))
        and (missing is None or _is_count(missing))
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
