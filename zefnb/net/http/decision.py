"""Decisions: the possible results of the gate for a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from zefnb.net.access import USERS, Access
from zefnb.net.http.request_head import RequestHead

# Seconds for a later decision: a login that another server confirms takes seconds.
DECISION_TIMEOUT = 30.0
Headers = tuple[tuple[str, str], ...]


class Visitor(NamedTuple):
    """The user behind a request, if any, and the session. Each response to this user gets these `headers`, too."""

    user: Any = None
    headers: Headers = ()
    session: Any = None


# Each visitor of a server without `auth=`.
ANONYMOUS = Visitor()


class Accepted(NamedTuple):
    """The request is accepted: the path of its route, the value that serves it, and the path's variables.

    `head` is the head that handlers may see, if it is not the request's own.
    """

    route: str
    value: Any
    variables: dict[str, Any]
    visitor: Visitor = ANONYMOUS
    head: RequestHead | None = None


class Reply(NamedTuple):
    """The request is not accepted, and this is its response: a refusal or a redirect.

    The journal shows `reason`. `foreign` is the header, with its value, that the server would have to allow. `access`
    is that of the route whose refusal this is.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()
    reason: str = ""
    foreign: tuple[str, str] | None = None
    access: Access = USERS


class OwnPage(NamedTuple):
    """A page of zefnb itself, such as a login: makes its reply from a head and a body of at most `max_body` bytes."""

    respond: Callable[[RequestHead, bytes], Awaitable[Reply]]
    max_body: int = 0


Result = TypeVar("Result")


class Pending(NamedTuple, Generic[Result]):
    """The decision takes time. `start` is called once, when the result is awaited."""

    start: Callable[[], Awaitable[Result | Reply]]

    async def wait(self) -> Result | Reply:
        """The decision; 503 when there is none within 30 s."""
        try:
            async with asyncio.timeout(DECISION_TIMEOUT):
                return await self.start()
        except TimeoutError:
            return refuse(503, "it took too long to decide; try again later", headers=(("retry-after", "1"),))


Decision = Accepted | Reply | Pending[Accepted]


def refuse(status: int, reason: str, *, headers: Headers = (), foreign: tuple[str, str] | None = None) -> Reply:
    """A refusal with a line of text.

    >>> refuse(404, 'Not Found').body
    b'404 Not Found\\n'
    """
    plain = ("content-type", "text/plain; charset=utf-8")
    return Reply(status, f"{status} {reason}\n".encode(), (plain, *headers), reason, foreign)


def redirect(url: str, *, headers: Headers = ()) -> Reply:
    """A redirect after which the browser requests `url` with GET (RFC 9110, section 15.4.4)."""
    return Reply(303, b"", (("location", url), *headers))
