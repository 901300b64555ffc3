"""A response whose body a handler makes piece by piece: each piece is sent as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator
from typing import Any

from zefnb.net.budget import Share
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.pieces import Pieces
from zefnb.net.http.response import Disconnected, Receive, Response, Scope, Send

# Bytes: longer pieces count in the budget of responses.
_COUNTED = 65_536
# Seconds between two attempts to get room there.
_POLL = 0.05


class BrokenStream(Exception):
    """The iterator of a response has failed with `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()  # without a text: that of `error` may take time
        self.error = error


def is_stream(value: Any) -> bool:
    """Whether a value yields the pieces of a response: an iterator, such as a generator, or an async iterable.

    >>> is_stream(iter('ab')), is_stream('ab'), is_stream(['a', 'b'])
    (True, False, False)
    """
    return isinstance(value, Iterator | AsyncIterable)


class StreamedResponse(Response):
    """The pieces of `source`. Its content type is that of the first piece, unless it has one."""

    def __init__(self, source: Any, status_code: int = 200) -> None:
        self.status_code, self.raw_headers, self.body = status_code, [], None
        self.source = source
        self._pieces: Pieces
        self._peer: GuardedHTTP
        self._share: Share
        self._first: bytes | None = None
        self._is_open = False

    async def begin(self, pieces: Pieces, peer: GuardedHTTP, share: Share) -> None:
        """Make the first piece, before the status is sent. Raises what the iterator raises, and `Disconnected`."""
        self._pieces, self._peer, self._share, self._is_open = pieces, peer, share, True
        try:
            self._first = await self._advance()
        except BaseException as error:
            await self.close()
            raise error.error if isinstance(error, BrokenStream) else error from None
        if self.header("content-type") is None:
            self.set_header("content-type", pieces.encoder.media_type)

    async def _advance(self) -> bytes | None:
        try:
            return await self._pieces.advance()
        except (Disconnected, asyncio.CancelledError):
            raise
        except BaseException as error:  # SystemExit from a generator must not end the server
            raise BrokenStream(error) from None

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the status, the headers and each piece. Raises `BrokenStream` and `Disconnected`."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece = None if scope["method"] == "HEAD" else self._first
        self._first = None
        while piece is not None:
            if piece:
                await self._reserve(len(piece))
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await self._peer.flow.drain()
            if self._peer.is_closed:
                raise Disconnected
            piece = await self._advance()
        await send({"type": "http.response.body", "body": b""})

    async def _reserve(self, size: int) -> None:
        """Wait until there is room for a long piece."""
        size = min(size, self._share.limit) if size > _COUNTED else 0
        while not self._share.settle(size):
            await asyncio.sleep(_POLL)
            if self._peer.is_closed:
                raise Disconnected

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            await self._pieces.close()
