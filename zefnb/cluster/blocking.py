"""Connections to the broker for threads that wait for replies: those that read and write databases."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.connection import CALL_TIMEOUT, BrokerLost, connect_failure, own_options
from zefnb.cluster.replies import reason_of

# Seconds until a call gives up, with all of its attempts.
TIMEOUT = 9.5
_IDLE = 4
_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
# The least time for an attempt.
_LEAST = 0.2


class NoReply(Exception):
    """The broker has not replied in time. `was_sent`: it may have the command."""

    def __init__(self, reason: str, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class BlockingCommands:
    """Calls a command in the calling thread, and again after a lost connection. Commands must allow that."""

    def __init__(self, url: BrokerUrl) -> None:
        self._url = url
        self._idle: deque[Any] = deque()
        self._is_closed = threading.Event()

    def call(self, *command: Any) -> Any:
        """Return the reply. Raises `ResponseError`, or `NoReply` if the attempts take too long."""
        end, pause, was_sent = time.monotonic() + TIMEOUT, _PAUSE, False
        while True:
            try:
                connection = self._taken()
                was_sent = True
                return self._reply(connection, command, min(CALL_TIMEOUT, end - time.monotonic()))
            except ResponseError:
                raise
            except (BrokerLost, RedisError, OSError) as error:
                reason = reason_of(error)
            # A wait that ends when the connections are closed.
            if self._is_closed.wait(pause) or time.monotonic() + _LEAST > end:
                raise NoReply(reason, was_sent)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _taken(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        options = self._url.blocking_options()
        kind = options.pop("connection_class")
        connection = kind(**options | own_options(CALL_TIMEOUT, Retry(NoBackoff(), 0)))
        options.clear()  # some tracebacks show the values of names
        failure: Exception | None = None
        try:
            connection.connect()
        except (RedisError, OSError) as error:
            failure = connect_failure(self._url, error)
        except BaseException:
            connection.disconnect()
            raise
        if failure is not None:
            connection.disconnect()
            raise failure
        return connection

    def _reply(self, connection: Any, command: tuple[Any, ...], timeout: float) -> Any:
        try:
            connection.send_command(*command, check_health=False)
            reply = connection.read_response(disable_decoding=True, timeout=timeout)
        except ResponseError:
            self._put_back(connection)
            raise
        except BaseException:
            # A reply that is still on its way would be taken for that of the next command.
            connection.disconnect()
            raise
        self._put_back(connection)
        return reply

    def _put_back(self, connection: Any) -> None:
        if self._is_closed.is_set() or len(self._idle) >= _IDLE:
            connection.disconnect()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections. Calls that wait for the broker end with `NoReply`."""
        self._is_closed.set()
        while self._idle:
            self._idle.pop().disconnect()
