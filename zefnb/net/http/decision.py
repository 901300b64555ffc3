"""Decisions: what the gate can say to a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

# For what decides later: a login that another server confirms takes seconds.
ASK_TIMEOUT = 30.0
Headers = tuple[tuple[str, str], ...]


class Visitor(NamedTuple):
    """What is known of the peer of a request. Each response to it has these `headers`, too."""

    user: Any = None
    headers: Headers = ()


ANYBODY = Visitor()


class Accepted(NamedTuple):
    """The request is let in: the path of its route, what serves it, and the values of the path's variables."""

    route: str
    value: Any
    variables: dict[str, Any]
    visitor: Visitor = ANYBODY


class Reply(NamedTuple):
    """The request is not let in, and this is its response: a refusal or a redirect.

    `why` is what the journal says of it. `foreign` is the header, and its value, that would have to be allowed.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()
    why: str = ""
    foreign: tuple[str, str] | None = None


Found = TypeVar("Found")


class Ask(NamedTuple, Generic[Found]):
    """To decide takes time: `start` is called once, when there is somebody to wait for it."""

    start: Callable[[], Awaitable[Found | Reply]]

    async def settle(self) -> Found | Reply:
        """The decision; 503 when there is none within 30 s."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                return await self.start()
        except TimeoutError:
            return refuse(503, "it took too long to decide; try again later", headers=(("retry-after", "1"),))


Decision = Accepted | Reply | Ask[Accepted]


def refuse(status: int, why: str, *, headers: Headers = (), foreign: tuple[str, str] | None = None) -> Reply:
    """A refusal with a line of text.

    >>> refuse(404, 'Not Found').body
    b'404 Not Found\\n'
    """
    plain = ("content-type", "text/plain; charset=utf-8")
    return Reply(status, f"{status} {why}\n".encode(), (plain, *headers), why, foreign)


def redirect(url: str, *, headers: Headers = ()) -> Reply:
    """A redirect by which the browser asks for `url` with GET (RFC 9110, section 15.4.4)."""
    return Reply(303, b"", (("location", url), *headers))
