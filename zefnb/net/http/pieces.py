"""Pieces: the values that an iterator of a handler yields, as the bytes of a response.

A plain iterator runs in a thread, which it has only while it makes a piece. An async iterator runs in the task of its
request. Neither is advanced before the client has taken the pieces so far.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Protocol

from zefnb.core.effect import Effect
from zefnb.core.wire import to_json_text
from zefnb.errors import shown
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.response import Disconnected

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_LINES = "application/x-ndjson"
_END = object()


class InvalidPiece(ValueError):
    """A piece that cannot be part of its response."""


class Encoder:
    """The bytes of each piece. The first one decides about the kind: text, bytes, or lines of JSON."""

    def __init__(self) -> None:
        self.media_type = _TEXT
        self._has_begun = False

    def encode(self, piece: Any) -> bytes:
        """The bytes of a piece. Raises `InvalidPiece`, and `InvalidValue` for a value that has no form in JSON."""
        is_raw = isinstance(piece, str | bytes | bytearray | memoryview)
        if not self._has_begun:
            self._has_begun = True
            self.media_type = _TEXT if isinstance(piece, str) else _BYTES if is_raw else _LINES
        if isinstance(piece, Effect):
            raise InvalidPiece(f"a piece is the effect {shown(piece)}; return effects before: [effects, generator]")
        if self.media_type == _LINES:
            return f"{to_json_text(piece, 'null')}\n".encode()
        if not is_raw:
            raise InvalidPiece(f"a piece is {shown(piece)}; allowed after text or bytes: text and bytes")
        return piece.encode() if isinstance(piece, str) else bytes(piece)


def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()


class Pieces(Protocol):
    """The pieces of one response."""

    encoder: Encoder

    async def advance(self) -> bytes | None:
        """The next piece; `None` at the end. Raises what the iterator raises, and `Disconnected`."""

    async def close(self) -> None:
        """End the iterator, unless it has ended. Its exceptions are passed to `on_error`."""


class PlainPieces:
    """The pieces of a plain iterator."""

    def __init__(
        self,
        iterator: Iterator[Any],
        in_thread: Callable[..., Awaitable[Any]],
        submit: Callable[[Callable[[], None]], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.encoder = Encoder()
        self._iterator = iterator
        self._in_thread = in_thread
        self._submit = submit
        self._on_error = on_error
        self._context = contextvars.copy_context()
        # Both are set under the lock, so that either `close` or the running thread closes the iterator.
        self._lock = threading.Lock()
        self._is_running = self._is_closing = False
        self._has_ended = False

    async def advance(self) -> bytes | None:
        piece: bytes | None = await self._in_thread(self._context.run, self._next)
        return piece

    def _next(self) -> bytes | None:
        """In a thread: the next piece."""
        with self._lock:
            if self._is_closing:
                raise Disconnected
            self._is_running = True
        try:
            piece = next(self._iterator, _END)
            if piece is not _END:
                return self.encoder.encode(piece)
            self._has_ended = True
            return None
        finally:
            with self._lock:
                self._is_running, is_closing = False, self._is_closing
            if is_closing:
                self._close()

    async def close(self) -> None:
        """End the iterator in a thread. One that runs at the moment is ended there when it has made its piece."""
        with self._lock:
            was_closing, self._is_closing = self._is_closing, True
            is_at_rest = not self._is_running
        if is_at_rest and not was_closing and not self._has_ended:
            self._submit(lambda: self._context.run(self._close))

    def _close(self) -> None:
        try:
            close = getattr(self._iterator, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._on_error(error)


class AsyncPieces:
    """The pieces of an async iterator."""

    def __init__(
        self, iterator: AsyncIterator[Any], peer: GuardedHTTP, on_error: Callable[[BaseException], None]
    ) -> None:
        self.encoder = Encoder()
        self._on_error = on_error
        self._iterator = iterator
        self._peer = peer
        self._has_ended = False

    async def advance(self) -> bytes | None:
        peer, task = self._peer, asyncio.current_task()
        assert task is not None
        peer.on_close = partial(_cancel, task)
        try:
            if peer.is_closed:
                raise Disconnected
            piece = await anext(self._iterator, _END)
        except asyncio.CancelledError:
            if not peer.is_closed:
                raise
            # The peer has left, which cancelled this task.
            task.uncancel()
            raise Disconnected from None
        finally:
            peer.on_close = None
        if piece is _END:
            self._has_ended = True
            return None
        # An iterator that never waits must not starve the other sockets.
        await asyncio.sleep(0)
        return self.encoder.encode(piece)

    async def close(self) -> None:
        try:
            close = getattr(self._iterator, "aclose", None)
            if close is not None and not self._has_ended:
                await close()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._on_error(error)
