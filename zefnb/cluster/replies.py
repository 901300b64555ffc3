"""The replies of a connection to the broker, in order.

They take the place of redis-py's streams when it has connected: the bytes go to hiredis at once, without a buffer and
a task between. The caller is called as soon as the bytes of its reply have arrived, in the same iteration of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import hiredis
from redis.asyncio.connection import DefaultParser
from redis.exceptions import RedisError, ResponseError

# Called with a reply, or with `ResponseError` or `BrokerLost`.
OnReply = Callable[[Any], None]


class BrokerLost(Exception):
    """The broker cannot be reached, or does not reply in time."""


class Replies(asyncio.Protocol):
    """One reply is expected at a time."""

    def __init__(self, former: asyncio.BaseProtocol) -> None:
        self._former = former
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(replyError=DefaultParser.parse_error)
        self._on_reply: OnReply | None = None
        self._end: BrokerLost | None = None
        # One timer for many replies: when it is due, it is set again for the reply that is expected then.
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._deadline = 0.0

    def expect(self, timeout: float, call: OnReply) -> None:
        """Call `call` with the next reply that arrives, or with an error."""
        self._on_reply = call
        self._deadline = deadline = self._loop.time() + timeout
        if self._timer is None or deadline < self._timer_at:
            self._set_timer()

    def expect_following(self, timeout: float, call: OnReply) -> None:
        """As `expect`, for a reply that may have arrived already, with the one before it."""
        self.expect(timeout, call)
        self._pass_on()

    async def next(self, timeout: float) -> Any:
        """Return the next reply, which may have arrived already, or an error."""
        waiter: asyncio.Future[Any] = self._loop.create_future()
        self.expect_following(timeout, lambda reply: None if waiter.done() else waiter.set_result(reply))
        return await waiter

    def _pass_on(self) -> None:
        """Call the caller if its reply, or the end, has arrived."""
        try:
            reply = self._parser.gets()
        except hiredis.HiredisError as error:
            reply = BrokerLost(str(error))
        if reply is False:
            reply = self._end
            if reply is None:
                return
        elif isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
            reply = BrokerLost(reason_of(reply))
        self._call(reply)

    def _call(self, reply: Any) -> None:
        call, self._on_reply = self._on_reply, None
        if call is not None:
            call(reply)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._on_reply is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._call(BrokerLost(reason_of(TimeoutError())))

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to the parser."""
        self._parser.feed(data)
        if self._on_reply is not None:
            self._pass_on()

    def connection_lost(self, error: Exception | None) -> None:
        """End the wait, and notify redis-py."""
        self._end = BrokerLost(str(error or "") or "the broker has closed the connection")
        if self._timer is not None:
            self._timer.cancel()
        if self._on_reply is not None:
            self._pass_on()
        self._former.connection_lost(error)

    def pause_writing(self) -> None:
        """Nothing waits until bytes are written: the wait for a reply includes that."""

    def resume_writing(self) -> None:
        """As `pause_writing`."""


def reason_of(error: BaseException) -> str:
    """Return why the broker cannot be used, with the error's own words if it has any."""
    return "it does not reply" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
