"""Tickets: the login of one WebSocket handshake, for pages to which no cookie is available (VS Code, Colab)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from zefnb.net.auth.sessions import digest_of

TICKET_TIMEOUT = 60.0
TICKETS_LIMIT = 10_000


class _Ticket(NamedTuple):
    deadline: float
    holder: Any


class Tickets:
    """The tickets that have not been used. Each is valid once, within 60 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: dict[bytes, _Ticket] = {}

    def issue(self, holder: Any) -> str:
        """A new ticket for `holder`.

        >>> tickets = Tickets()
        >>> ticket = tickets.issue('ada')
        >>> tickets.use(ticket), tickets.use(ticket)
        ('ada', None)
        """
        self._forget_old(room=1)
        ticket = secrets.token_urlsafe(32)
        self._tickets[digest_of(ticket)] = _Ticket(self._clock() + TICKET_TIMEOUT, holder)
        return ticket

    def use(self, ticket: str) -> Any:
        """The holder of a ticket, which is then used up; `None` if it is not valid."""
        self._forget_old()
        found = self._tickets.pop(digest_of(ticket), None)
        return found.holder if found is not None else None

    def _forget_old(self, room: int = 0) -> None:
        now = self._clock()
        while self._tickets:
            first = next(iter(self._tickets))
            if self._tickets[first].deadline > now and len(self._tickets) + room <= TICKETS_LIMIT:
                return
            del self._tickets[first]
