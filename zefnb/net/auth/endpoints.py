"""The endpoints under `/auth/`: login, callback, logout and tickets. They need no login themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from zefnb.net.auth import pages, tickets
from zefnb.net.auth.access_link import OWNER
from zefnb.net.auth.credentials import NO_LOGIN, bearer_of, foreign_page
from zefnb.net.auth.logins import EXPOSED, Logins, wants_json
from zefnb.net.auth.providers.provider import Identified, LoginFailed
from zefnb.net.auth.returning import safe_path
from zefnb.net.auth.sessions import Session
from zefnb.net.auth.shared import Shared
from zefnb.net.http.decision import Accepted, OwnPage, Reply, Visitor, redirect, refuse
from zefnb.net.http.forms import BadForm, form_fields, is_form, query_fields
from zefnb.net.http.request_head import RequestHead

# Bytes in the form of a login.
LOGIN_BODY_LIMIT = 16_384
_NO_STORE = ("cache-control", "no-store")
_LONGEST_PROBLEM = 200


class Endpoints:
    """The responses of these paths."""

    def __init__(
        self, shared: Shared, logins: Logins, visitor: Callable[[RequestHead], Visitor | Reply | None]
    ) -> None:
        self._shared, self._logins = shared, logins
        # The user of a request, as for every other path.
        self._visitor = visitor
        self._pages = {
            "/auth/login": {"GET": OwnPage(self._show_login), "POST": OwnPage(self._login, LOGIN_BODY_LIMIT)},
            "/auth/callback": {"GET": OwnPage(self._callback)},
            "/auth/logout": {"POST": OwnPage(self._logout, LOGIN_BODY_LIMIT)},
            "/auth/ticket": {"POST": OwnPage(self._ticket, LOGIN_BODY_LIMIT)},
        }

    def find(self, head: RequestHead) -> Accepted | Reply | None:
        """The decision about a request to one of these paths; `None` for any other path."""
        path = head.path.rstrip("/")
        methods = self._pages.get(path)
        if methods is None:
            return None
        if head.is_handshake:
            return refuse(404, "there is no WebSocket route of that path")
        own = methods.get("GET" if head.method == "HEAD" else head.method)
        if own is None:
            return refuse(405, "Method Not Allowed", headers=(("allow", ", ".join(sorted(methods))),))
        return Accepted(path, own, {})

    # Login

    async def _show_login(self, head: RequestHead, body: bytes) -> Reply:
        query = query_fields(head.query)
        next = self._next(query)
        if "provider" in query:
            return await self._start(head, query["provider"], next)
        if self._logins.is_exposed(head):
            return pages.page(403, "Not encrypted", f'<p role="alert">{EXPOSED}</p>')
        return self._form(next, user=self._user_name(head))

    def _next(self, given: dict[str, Any]) -> str:
        """The path to which a login returns."""
        return safe_path(str(given.get("next", "")), self._shared.config.after_login)

    def _user_name(self, head: RequestHead) -> str:
        session = self._session(head)
        return str(session.user.get("name", "")) if session is not None else ""

    def _form(self, next: str, **more: Any) -> Reply:
        logins = self._logins
        return pages.login_page(
            next=next,
            has_passwords=logins.has_passwords,
            has_token=self._shared.link is not None,
            providers=[(name, provider.label) for name, provider in logins.providers.items()],
            **more,
        )

    async def _login(self, head: RequestHead, body: bytes) -> Reply:
        logins = self._logins
        refusal = foreign_page(head, self._shared.site.admission)
        if refusal is not None:
            return refusal
        if logins.is_exposed(head):
            return logins.refused(head, 403, "Not encrypted", EXPOSED)
        given = _fields(head, body)
        if given is None:
            return refuse(400, "a login is a form with name and password, or with token")
        next, name = self._next(given), str(given.get("name", ""))
        if "token" in given and self._shared.link is not None:
            attempt = logins.throttle.begin(head.client_ip, "")
        else:
            attempt = logins.throttle.begin(head.client_ip, name)
        if isinstance(attempt, float):
            return self._too_many(head, attempt, next, name)
        identified, provider = await self._identify(given)
        if identified is None:
            return self._wrong(head, next, name, is_token=provider == "token")
        attempt.succeeded()
        return await logins.enter(head, provider, identified, next)

    async def _identify(self, given: dict[str, Any]) -> tuple[Identified | None, str]:
        if "token" in given and self._shared.link is not None:
            is_right = self._shared.link.admits(str(given["token"]))
            return (Identified(dict(OWNER)) if is_right else None), "token"
        name, password = str(given.get("name", "")), str(given.get("password", ""))
        if not name or not self._logins.has_passwords:
            return None, "password"
        return await self._logins.by_password(name, password), "password"

    def _wrong(self, head: RequestHead, next: str, name: str, is_token: bool) -> Reply:
        problem = "The token is wrong." if is_token else "The name or the password is wrong."
        if wants_json(head):
            return self._logins.refused(head, 401, "Log in", problem)
        return self._form(next, problem=problem, name=name, status=401)

    def _too_many(self, head: RequestHead, seconds: float, next: str, name: str) -> Reply:
        whole = max(1, math.ceil(seconds))
        problem = f"Too many logins have failed. Try again in {whole} s."
        # The connection is closed, so that a flood of logins holds no memory.
        headers = (("retry-after", str(whole)), ("connection", "close"))
        if wants_json(head):
            return self._logins.refused(head, 429, "Log in", problem, headers)
        return self._form(next, problem=problem, name=name, status=429, headers=headers)

    # Providers

    async def _start(self, head: RequestHead, name: str, next: str) -> Reply:
        """Redirect the browser to a provider."""
        provider = self._logins.providers.get(name)
        if provider is None:
            return refuse(404, "there is no such provider")
        flow, cookie = self._logins.flows.start(name, self._redirect_uri(head), next, head.client_ip)
        try:
            url = await provider.start(flow)
        except LoginFailed as error:
            return self._logins.refused(head, 502, "Log in", str(error))
        set_cookie = self._shared.cookies.set(head, cookie, 600, _flow_kind(flow.state))
        return redirect(url, headers=(set_cookie, _NO_STORE))

    def _redirect_uri(self, head: RequestHead) -> str:
        """The address of the callback, from `public_url`, or from the Host, which the gate has admitted."""
        return f"{self._shared.config.public_url or head.base_url}/auth/callback"

    async def _callback(self, head: RequestHead, body: bytes) -> Reply:
        logins, params = self._logins, query_fields(head.query)
        state = params.get("state", "")
        kind = _flow_kind(state)
        flow = logins.flows.finish(state, self._shared.cookies.read(head, kind)) if state else None
        if flow is None:
            text = "This login is not valid any more, or it began in another browser. Please begin again."
            return logins.refused(head, 400, "Log in", text)
        expired = self._shared.cookies.set(head, "", 0, kind)
        if "error" in params:
            text = f"The login was not completed: {params['error'][:_LONGEST_PROBLEM]}"
            return logins.refused(head, 403, "Log in", text, (expired,))
        provider = logins.providers[flow.provider]
        try:
            identified = await provider.finish(flow, params)
        except LoginFailed as error:
            return logins.refused(head, 403, "Log in", str(error), (expired,))
        reply = await logins.enter(head, flow.provider, identified, flow.next)
        return reply._replace(headers=(*reply.headers, expired))

    # Logout and tickets

    def _session(self, head: RequestHead) -> Session | None:
        logins = self._logins
        return logins.find(bearer_of(head)) or logins.find(self._shared.cookies.read(head))

    async def _logout(self, head: RequestHead, body: bytes) -> Reply:
        if not bearer_of(head) and (refusal := foreign_page(head, self._shared.site.admission)) is not None:
            return refusal
        session = self._session(head)
        if session is not None:
            self._shared.sessions.end(session, "the user has logged out")
            await self._shared.flush()
        headers = (self._shared.cookies.set(head, "", 0), _NO_STORE)
        return Reply(204, b"", headers) if wants_json(head) else redirect(self._shared.login_path, headers=headers)

    async def _ticket(self, head: RequestHead, body: bytes) -> Reply:
        visitor = self._visitor(head)
        if isinstance(visitor, Reply) or visitor is None:
            return visitor or NO_LOGIN
        session = visitor.session
        ticket = self._shared.tickets.issue(session or visitor, session.digest if session is not None else None)
        text = json.dumps({"ticket": ticket, "expires_in": tickets.TICKET_TIMEOUT})
        return Reply(200, text.encode(), (("content-type", "application/json"), _NO_STORE))


def _flow_kind(state: str) -> str:
    """The kind of the cookie of a flow: each flow has its own, so that two logins do not disturb each other."""
    return "flow-" + "".join(character for character in state[:12] if character.isalnum() or character in "-_")


def _fields(head: RequestHead, body: bytes) -> dict[str, Any] | None:
    """The fields of a login, from a form or from JSON."""
    kind = head.first("content-type")
    try:
        given: Any = form_fields(kind, body) if is_form(kind) else json.loads(body)
    except (BadForm, ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None
