"""Decisions: the possible results of the gate for a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

# Seconds for a later decision: a login that another server confirms takes seconds.
ASK_TIMEOUT = 30.0
Headers = tuple[tuple[str, str], ...]


class Visitor(NamedTuple):
    """The user behind a request, if any. Each response to this user gets these `headers`, too."""

    user: Any = None
    headers: Headers = ()


ANYBODY = Visitor()


class Accepted(NamedTuple):
    """The request is accepted: the path of its route, the value that serves it, and the path's variables."""

    route: str
    value: Any
    variables: dict[str, Any]
    visitor: Visitor = ANYBODY


class Reply(NamedTuple):
    """The request is not accepted, and this is its response: a refusal or a redirect.

    `why` is the reason for the journal. `foreign` is the header, with its value, that the server would have to allow.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()
    why: str = ""
    foreign: tuple[str, str] | None = None


Found = TypeVar("Found")


class Ask(NamedTuple, Generic[Found]):
    """The decision takes time. `start` is called once, when the result is awaited."""

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
    """A redirect after which the browser requests `url` with GET (RFC 9110, section 15.4.4)."""
    return Reply(303, b"", (("location", url), *headers))
