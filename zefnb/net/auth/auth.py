"""The authorizer of a server with `auth=`: it admits requests by sessions, bearer tokens and tickets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from zefnb.net.auth.access_link import FIELD, OWNER, AccessLink
from zefnb.net.auth.calls import call
from zefnb.net.auth.cookies import Cookies
from zefnb.net.auth.credentials import (
    NO_LOGIN,
    TICKET,
    bearer_of,
    foreign_page,
    query_value,
    query_without,
    wants_page,
    without_credentials,
)
from zefnb.net.auth.endpoints import Endpoints
from zefnb.net.auth.fields import AuthConfig
from zefnb.net.auth.logins import Logins
from zefnb.net.auth.policy import PublicPaths, access_of
from zefnb.net.auth.providers.provider import make_provider
from zefnb.net.auth.returning import safe_path
from zefnb.net.auth.sessions import Session, is_same_user
from zefnb.net.auth.shared import Shared
from zefnb.net.auth.stored import StoredSessions
from zefnb.net.http.authorizer import Authorizer, Site
from zefnb.net.http.decision import Accepted, Decision, Pending, Reply, Visitor, redirect, refuse
from zefnb.net.http.request_head import RequestHead

if TYPE_CHECKING:
    from zefnb.net.http.event_connection import EventConnection
    from zefnb.net.websocket.connection import Connection

# A visitor without a login, on a public route.
WITHOUT_LOGIN = Visitor()
_TICK = 0.25
_NOT_ALLOWED = refuse(403, "this user may not use this")
_SECRETS = (TICKET, FIELD)


class Auth:
    """Decides about each request of one server. Used on the loop only."""

    def __init__(self, config: AuthConfig) -> None:
        self._shared = Shared(config)
        self.sessions = self._shared.sessions
        self.tickets = self._shared.tickets
        self.logins = Logins(self._shared, [make_provider(each) for each in config.providers])
        self._endpoints = Endpoints(self._shared, self.logins, self._visitor)
        self._public = PublicPaths([*config.public, *([config.login_page] if config.login_page else [])])
        self._ticker: asyncio.TimerHandle | None = None

    @property
    def link(self) -> AccessLink | None:
        """The access link, if there is one."""
        return self._shared.link

    @property
    def link_path(self) -> str:
        """The path and query of the access link; empty without one."""
        return self.link.path() if self.link is not None else ""

    # The server's life

    async def open(self, site: Site, previous: Authorizer | None) -> None:
        """Begin, and keep the sessions of `previous` whose users may still log in."""
        shared = self._shared
        shared.site, shared.cookies = site, Cookies(site.server.port)
        self.logins.prepare()
        if shared.config.session_db is not None:
            shared.stored = StoredSessions(shared.config.session_db, site.server.port, self._storing_failed)
            await shared.stored.load(self.sessions)
            self.sessions.on_begin, self.sessions.on_end = shared.stored.write, shared.stored.remove
        if isinstance(previous, Auth):
            self._take_over(previous)
        for session in self.sessions:
            if not self.logins.still_admits(session):
                self.sessions.end(session, "this user may no longer log in")
        self._tick()

    def _take_over(self, previous: Auth) -> None:
        if self.link is not None and previous.link is not None:
            self._shared.link = previous.link
        for old in previous.sessions:
            session = self.sessions.make(old.digest, old.user, old.since)
            session.seen, session.number = old.seen, old.number
            session.credential, session.recheck_data, session.proof = old.credential, old.recheck_data, old.proof
            self.sessions.adopt(session)
            self.sessions.on_begin(session)

    def _storing_failed(self, error: Exception) -> None:
        self._shared.report("a session could not be stored", error)

    def _tick(self) -> None:
        """End what is over, four times a second: connections close within a second of the end of their session."""
        self.sessions.end_late()
        self.logins.recheck()
        if self._shared.stored is not None:
            self._shared.stored.write_seen(self.sessions)
        self._ticker = self._shared.site.runtime.loop.call_later(_TICK, self._tick)

    async def close(self) -> None:
        """End. The sessions stay as they are, for a server that replaces this one."""
        if self._ticker is not None:
            self._ticker.cancel()
        self.logins.close()
        await self._shared.flush()

    async def revoke(self, user: Any, number: str | None) -> int:
        """End the sessions of a user, or the one of this number. Returns how many there were."""
        if isinstance(user, Mapping):
            ended = [each for each in self.sessions if is_same_user(each.user, user)]
        else:
            ended = self.sessions.of(user) if user is not None else [e for e in self.sessions if e.number == number]
        for session in ended:
            self.sessions.end(session, "the session was revoked")
        await self._shared.flush()
        return len(ended)

    # Decisions

    def authorize(self, head: RequestHead, found: Accepted | Reply) -> Decision:
        """The decision about a request. It changes nothing; changes are made in the `start` of a `Pending`."""
        own = self._endpoints.find(head)
        if own is not None:
            return own
        if self.link is not None and not head.is_handshake and head.method in ("GET", "HEAD"):
            token = query_value(head, FIELD)
            if token and self.link.admits(token):
                return Pending(partial(self._enter, head))
        if head.is_handshake and (ticket := query_value(head, TICKET)):
            return Pending(partial(self._by_ticket, head, found, ticket))
        return self._decide(head, found, self._visitor(head))

    def _visitor(self, head: RequestHead) -> Visitor | Reply | None:
        """The user of a request; `None` without a login, and the refusal of a page that may not use the login."""
        if "authorization" in head.headers:
            bearer = bearer_of(head)
            if bearer and self.link is not None and self.link.admits(bearer) and not self.logins.is_exposed(head):
                return Visitor(OWNER)
            session = self.logins.find(bearer)
            return self._of(session) if session is not None else None
        session = self.logins.find(self._shared.cookies.read(head)) if "cookie" in head.headers else None
        if session is None:
            return None
        return foreign_page(head, self._shared.site.admission) or self._of(session)

    def _of(self, session: Session) -> Visitor:
        self.sessions.touch(session)
        return Visitor(session.user, (), session)

    def _decide(
        self, head: RequestHead, found: Accepted | Reply, visitor: Visitor | Reply | None
    ) -> Accepted | Reply | Pending[Accepted]:
        access = access_of(found)
        if not isinstance(visitor, Visitor):
            is_public = access.public or (access.allow is None and self._public.include(head.path))
            if not is_public:
                return visitor or self._unknown(head)
            visitor = WITHOUT_LOGIN
        if isinstance(found, Reply):
            return found if access.allow is None else Pending(partial(self._if_allowed, found, visitor, access.allow))
        accepted = found._replace(visitor=visitor, head=without_credentials(head, self._hidden))
        if access.allow is None:
            return accepted
        return Pending(partial(self._if_allowed, accepted, visitor, access.allow))

    @property
    def _hidden(self) -> tuple[str, ...]:
        # A program's own field `token` stays, on a server without an access link.
        return _SECRETS if self.link is not None else (TICKET,)

    async def _if_allowed(self, decision: Accepted | Reply, visitor: Visitor, allow: Any) -> Accepted | Reply:
        return decision if await call(self._shared.site, allow, visitor.user) else _NOT_ALLOWED

    async def _by_ticket(self, head: RequestHead, found: Accepted | Reply, ticket: str) -> Accepted | Reply:
        holder = self.tickets.use(ticket)
        if isinstance(holder, Session):
            holder = self._of(holder) if self.sessions.is_current(holder) else None
        decision = self._decide(head, found, holder)
        return await decision.start() if isinstance(decision, Pending) else decision

    async def _enter(self, head: RequestHead) -> Reply:
        """Exchange the token of the access link for a session, and remove it from the address."""
        return await self.logins.enter_by_link(head, safe_path(_address(head, (FIELD,))))

    def _unknown(self, head: RequestHead) -> Reply:
        """The reply to a request without a login: a redirect to the login for a page, else 401."""
        if not wants_page(head):
            return NO_LOGIN
        next = quote(_address(head, self._hidden), safe="/")
        return redirect(f"{self._shared.login_path}?next={next}", headers=(("cache-control", "no-store"),))

    # Connections

    def connected(self, connection: Connection | EventConnection, visitor: Visitor) -> None:
        """Note a connection of this visitor."""
        connection.visitor = visitor
        if visitor.session is not None:
            visitor.session.sockets.add(connection)

    def disconnected(self, connection: Connection | EventConnection) -> None:
        """Forget a connection that has ended."""
        visitor = connection.visitor
        if visitor is not None and visitor.session is not None:
            visitor.session.sockets.discard(connection)


def _address(head: RequestHead, hidden: tuple[str, ...]) -> str:
    """The path and the query of a request, without some fields."""
    query = query_without(head.query, hidden)
    return quote(head.path, safe="/~:@!$&'()*+,;=") + (f"?{query}" if query else "")
