"""The body of a request: read within its own limit and the limit of all bodies together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from zefnb.net.budget import Share
from zefnb.net.http.response import Disconnected, Message, Receive, Refusal

BODY_LIMIT = 1 << 20
BODY_PROGRESS_TIMEOUT = 10.0
# Bytes of a body, or its end, that must arrive within each `BODY_PROGRESS_TIMEOUT`, so that a slow peer cannot keep its
# share of the budget.
BODY_STEP = 4_096
# Bytes of a refused body that are read and dropped, so that the peer can read the response.
DISCARD_LIMIT = 16 << 20
# Bytes: a text with one character beyond U+FFFF takes four bytes for each of its characters.
_WIDEST_CHARACTER = 4


async def read_body(
    receive: Receive, announced: int, limit: int, expects: bool, share: Share, has_arrived: Callable[[], bool]
) -> bytes:
    """The whole body. Raises `Refusal` (408, 413, 503) and `Disconnected`.

    `announced` is its Content-Length, 0 without one. With `expects`, the peer waits for 100 Continue before it sends
    the body. `has_arrived` returns whether bytes have arrived that `receive` has not returned yet.
    """
    refusal = _too_long(limit) if announced > limit else None
    if refusal is not None and expects:
        raise refusal
    # Not a list of parts: for a body in very small parts it would take many times the memory.
    body = bytearray()
    size, more, counted = 0, True, 0
    now = asyncio.get_running_loop().time
    give_up_at = now() + BODY_PROGRESS_TIMEOUT
    while more:
        message = await _next(receive, refusal, give_up_at, has_arrived)
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if refusal is None:
            refusal = _too_long(limit) if size > limit else None if share.take(len(part)) else _too_much()
            body += part
            if size - counted >= BODY_STEP:
                counted, give_up_at = size, now() + BODY_PROGRESS_TIMEOUT
        if refusal is not None:
            share.release()
            body.clear()
            if size > DISCARD_LIMIT:
                break
        # It is part of `body` now. Held while the next one is awaited, it would take the memory of half a body.
        del message, part
    if refusal is None and not body.isascii() and not share.take(_WIDEST_CHARACTER * size):
        refusal = _too_much()
    if refusal is not None:
        raise refusal
    return bytes(body)


async def _next(
    receive: Receive, refusal: Refusal | None, give_up_at: float, has_arrived: Callable[[], bool]
) -> Message:
    while True:
        try:
            async with asyncio.timeout_at(give_up_at):
                message = await receive()
        except TimeoutError:
            if not has_arrived():
                raise refusal or Refusal(408, "the body stalled", {"connection": "close"}) from None
            # The server is behind, not the client.
            give_up_at = asyncio.get_running_loop().time() + BODY_PROGRESS_TIMEOUT
        else:
            break
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


def _too_long(limit: int) -> Refusal:
    return Refusal(413, f"a body is {limit} bytes at most", {"connection": "close"})


def _too_much() -> Refusal:
    return Refusal(
        503, "too many bodies are held at once; try again later", {"connection": "close", "retry-after": "1"}
    )
