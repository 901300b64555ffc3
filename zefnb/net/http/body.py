"""The body of a request: read within its limits, and held within what all bodies together may take."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from zefnb.net.budget import Held

BODY_LIMIT = 1 << 20
BODY_PROGRESS_WITHIN = 10.0
# So much of a body comes in each of these times, or all of it; one that drips holds its place no longer.
BODY_STEP = 4_096
# What is read and forgotten of a body that is refused, so that the peer gets to read the answer.
FORGOTTEN_LIMIT = 16 << 20
# Text with a single character of another plane takes four bytes for each.
_WIDEST_CHARACTER = 4


async def read_body(receive: Receive, announced: int, limit: int, expects: bool, held: Held) -> bytes:
    """The whole body. Raises `HTTPException` (408, 413, 503) and `ClientDisconnect`.

    `announced` is its Content-Length, 0 without one; with `expects`, the peer waits to be told to send it.
    """
    refusal = _too_long(limit) if announced > limit else None
    if refusal is not None and expects:
        raise refusal
    # Not a list of what comes: of a body in crumbs it would be many times as long.
    body = bytearray()
    size, more, seen = 0, True, 0
    now = asyncio.get_running_loop().time
    give_up_at = now() + BODY_PROGRESS_WITHIN
    while more:
        message = await _next(receive, refusal, give_up_at)
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if refusal is None:
            refusal = _too_long(limit) if size > limit else None if held.take(len(part)) else _too_much()
            body += part
            if size - seen >= BODY_STEP:
                seen, give_up_at = size, now() + BODY_PROGRESS_WITHIN
        if refusal is not None:
            held.release()
            body.clear()
            if size > FORGOTTEN_LIMIT:
                break
    if refusal is None and not body.isascii() and not held.take(_WIDEST_CHARACTER * size):
        refusal = _too_much()
    if refusal is not None:
        raise refusal
    return bytes(body)


async def _next(receive: Receive, refusal: HTTPException | None, give_up_at: float) -> Message:
    try:
        async with asyncio.timeout_at(give_up_at):
            message = await receive()
    except TimeoutError:
        raise refusal or HTTPException(408, "the body stalled", {"connection": "close"}) from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"a body is {limit} bytes at most", {"connection": "close"})


def _too_much() -> HTTPException:
    return HTTPException(
        503, "too many bodies are held at once; try again later", {"connection": "close", "retry-after": "1"}
    )
