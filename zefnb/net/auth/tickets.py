"""Tickets: the login of one WebSocket handshake, for pages to which no cookie is available (VS Code, Colab)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Hashable
from typing import Any

from zefnb.net.auth.expiring import Expiring
from zefnb.net.auth.sessions import digest_of

TICKET_TIMEOUT = 60.0
SESSION_TICKETS_LIMIT = 1_000
TICKETS_LIMIT = 10_000


class Tickets:
    """The tickets that have not been used. Each is valid once, within 60 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._holders: Expiring[bytes, Any] = Expiring(TICKET_TIMEOUT, TICKETS_LIMIT, SESSION_TICKETS_LIMIT, clock)

    def issue(self, holder: Any, session: Hashable = None) -> str:
        """A new ticket for `holder`.

        >>> tickets = Tickets()
        >>> ticket = tickets.issue('ada')
        >>> tickets.use(ticket), tickets.use(ticket)
        ('ada', None)
        """
        ticket = secrets.token_urlsafe(32)
        self._holders.add(digest_of(ticket), holder, session)
        return ticket

    def use(self, ticket: str) -> Any:
        """The holder of a ticket, which is then used up; `None` if it is not valid."""
        digest = digest_of(ticket)
        holder = self._holders.get(digest)
        self._holders.remove(digest)
        return holder
