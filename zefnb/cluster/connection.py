"""Connections to the broker.

redis-py connects and authenticates. Commands and replies pass by its side, through hiredis (see `Replies`), which
halves the time of a message. redis-py's retries and timeouts are turned off: a repeated XADD would be two entries, and
a blocking read takes as long as there is no message. Each timeout is set here instead.
"""

from __future__ import annotations

import asyncio
from typing import Any

import hiredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.replies import BrokerLost, OnReply, Replies, reason_of

CONNECT_TIMEOUT = 4.0
CALL_TIMEOUT = 4.0

__all__ = ["CONNECT_TIMEOUT", "BrokerLost", "Command", "Commands", "Connection", "LoginRefused", "ResponseError"]

Command = tuple[Any, ...]


def own_options(timeout: float | None, retry: Any) -> dict[str, Any]:
    """Return the options of each connection, which take the place of those of the url."""
    connect = {"socket_connect_timeout": CONNECT_TIMEOUT, "socket_timeout": timeout, "retry": retry}
    return {**connect, "protocol": 2, "driver_info": None}


class LoginRefused(BrokerLost):
    """The broker refuses the user or the password. It may accept them later, as while a password is replaced."""


class Connection:
    """One connection. Requests can be sent before the replies to earlier ones have arrived.

    The writer of redis-py's connection, which has the transport, has no public name. All tests of the cluster use it,
    with the versions that `pyproject.toml` allows.
    """

    def __init__(self, url: BrokerUrl) -> None:
        self._url = url
        options = url.options()
        kind = options.pop("connection_class")
        self._connection = kind(**options | own_options(None, Retry(NoBackoff(), 0)))
        self._replies: Replies | None = None
        self._transport: asyncio.WriteTransport | None = None
        if url.tls is not None:
            self._connection.ssl_context.context = url.tls

    async def open(self) -> None:
        """Connect. Raises `BrokerLost`, or `ResponseError` if the broker refuses what redis-py sends first."""
        failure: Exception | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._connection.connect()
        except (RedisError, OSError, TimeoutError) as error:
            failure = connect_failure(self._url, error)
        if failure is not None:
            # A new exception, without a context: the broker's text, and the frames of redis-py, can have the password.
            await self.close()
            raise failure
        self._transport = transport = self._connection._writer.transport
        self._replies = Replies(transport.get_protocol())
        transport.set_protocol(self._replies)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent, since it has not been opened or has been lost."""
        return self._transport is None or self._transport.is_closing()

    def send(self, *command: Any) -> None:
        """Send one command. Raises `BrokerLost`."""
        self._write(hiredis.pack_command(command))

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise BrokerLost("the connection is closed")
        # There is no wait until it is written: the wait for the reply includes it.
        transport.write(data)

    def request(self, command: Command, timeout: float, call: OnReply, *following: Command) -> None:
        """Send one command, when no reply is expected, and call `call` with its reply or error. Raises `BrokerLost`.

        Others follow it in the same write. The reply to each is expected with `expect_following`, when it is due.
        """
        data = hiredis.pack_command(command)
        self._write(b"".join((data, *map(hiredis.pack_command, following))) if following else data)
        assert self._replies is not None
        self._replies.expect(timeout, call)

    def expect_following(self, timeout: float, call: OnReply) -> None:
        """Call `call` with the reply to the next command that has been sent, or with an error; perhaps now."""
        assert self._replies is not None
        self._replies.expect_following(timeout, call)

    async def reply(self, timeout: float) -> Any:
        """Return the reply to the oldest command without one. Raises `ResponseError`, or `BrokerLost`."""
        if self._replies is None:
            raise BrokerLost("the connection is closed")
        found = await self._replies.next(timeout)
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None:
        """Close it, without waiting for the broker."""
        writer = self._connection._writer
        await self._connection.disconnect(nowait=True)
        if writer is not None:
            # Closing TLS takes several iterations of the loop, which may end now.
            writer.transport.abort()


def connect_failure(url: BrokerUrl, error: BaseException) -> Exception:
    """Return a new exception without secrets: `LoginRefused`, an error reply with its type, or `BrokerLost`."""
    # For a Unix socket, redis-py hides the refusal in another exception.
    for one in (error, error.__cause__):
        if isinstance(one, AuthenticationError):
            return LoginRefused(url.without_secrets(str(one)))
        if isinstance(one, ResponseError):
            return type(one)(url.without_secrets(str(one)))
    return BrokerLost(url.without_secrets(reason_of(error)))


class Commands:
    """A connection for single commands, made again when it is lost."""

    def __init__(self, url: BrokerUrl) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def call(self, *command: Any, timeout: float = CALL_TIMEOUT) -> Any:
        """Return the reply to one command."""
        return (await self.call_all(command, timeout=timeout))[0]

    async def call_all(self, *commands: Any, timeout: float = CALL_TIMEOUT) -> list[Any]:
        """Return the replies to several commands, which are sent at once. Raises the first error."""
        async with self._lock:
            if self._is_closed:
                raise BrokerLost("this process has left the cluster")
            connection = self._connection
            try:
                if connection is None or connection.is_closed:
                    connection = await self._opened(connection)
                for command in commands:
                    connection.send(*command)
                found = []
                for _ in commands:
                    try:
                        found.append(await connection.reply(timeout))
                    except ResponseError as error:
                        found.append(error)
            except BaseException:
                # A reply that is still on its way would be taken for that of the next command.
                self._connection = None
                if connection is not None:
                    await connection.close()
                raise
        for reply in found:
            if isinstance(reply, Exception):
                raise reply
        return found

    async def _opened(self, lost: Connection | None) -> Connection:
        """Return a new connection, in place of one that was lost while nothing was sent."""
        self._connection = None
        if lost is not None:
            await lost.close()
        connection = Connection(self._url)
        await connection.open()
        self._connection = connection
        return connection

    async def close(self) -> None:
        """Close the connection, and refuse further commands."""
        self._is_closed = True
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
