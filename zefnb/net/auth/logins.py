"""Logins: the ways to log in of one server, from the credentials to the session and its cookie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from zefnb.core.function import name_of
from zefnb.errors import shown
from zefnb.net.auth import pages
from zefnb.net.auth.access_link import OWNER
from zefnb.net.auth.calls import call
from zefnb.net.auth.flows import Flows
from zefnb.net.auth.passwords import Passwords
from zefnb.net.auth.policy import has_allowed_email
from zefnb.net.auth.providers.provider import Identified, Provider, User
from zefnb.net.auth.sessions import Session, is_same_user
from zefnb.net.auth.shared import Shared
from zefnb.net.auth.throttle import Throttle
from zefnb.net.hosts import is_loopback
from zefnb.net.http.decision import Headers, Reply, redirect
from zefnb.net.http.request_head import RequestHead

_NO_STORE = ("cache-control", "no-store")
EXPOSED = (
    "This connection is not encrypted, so others on the network could read what you send. Open this page by https "
    "(start the server with certificates=...), or on the machine itself."
)


class Logins:
    """The users that `auth=` admits, and how a session begins."""

    def __init__(self, shared: Shared, providers: Sequence[Provider]) -> None:
        self._shared = shared
        config = shared.config
        self.providers = {_numbered(providers, number): each for number, each in enumerate(providers)}
        self.passwords = Passwords(config.passwords) if config.passwords is not None else None
        self.throttle = Throttle()
        self.flows = Flows()
        self._rechecks: dict[bytes, asyncio.Task[None]] = {}

    def prepare(self) -> None:
        """Begin what takes time, before the first login."""
        if self.passwords is not None:
            self.passwords.prepare()

    def close(self) -> None:
        """End what `prepare` has begun."""
        if self.passwords is not None:
            self.passwords.close()

    @property
    def has_passwords(self) -> bool:
        """Whether users log in with a name and a password."""
        return self.passwords is not None or self._shared.config.check is not None

    def is_exposed(self, head: RequestHead) -> bool:
        """Whether others could read a secret in this request: it comes from another machine, without TLS."""
        return not head.is_secure and bool(head.client_ip) and not is_loopback(head.client_ip)

    # The users that are admitted

    async def by_password(self, name: str, password: str) -> Identified | None:
        """The user of this name and password."""
        plain: User = {"id": name, "name": name, "provider": "password"}
        if self.passwords is not None and await self.passwords.admits(name, password):
            return Identified(plain)
        check = self._shared.config.check
        found = await call(self._shared.site, check, name, password) if check is not None else False
        if isinstance(found, dict) and found:
            return Identified({**plain, **found})
        if found is not True and found:
            text = f"{name_of(check)} returned a value of type {type(found).__name__} for a login"
            self._shared.site.runtime.journal.note(
                "warning", f"{text}; allowed: True, False or a dict about the user", server=self._shared.site.server
            )
        return Identified(plain) if found is True else None

    def still_admits(self, session: Session) -> bool:
        """Whether the user of an earlier login could still log in."""
        config, user = self._shared.config, session.user
        provider = user.get("provider")
        if session.credential == "link":
            return self._shared.link is not None
        if not has_allowed_email(user, config.allowed_emails):
            return False
        if isinstance(session.credential, tuple):
            kind, key, proof = session.credential
            if kind == "password":
                return self.passwords is not None and self.passwords.credential(key) == proof
            if kind == "check":
                return config.check is not None
            return key in self.providers
        # From a database, which does not have the proof.
        return self._is_offered(provider, user)

    def _is_offered(self, provider: Any, user: User) -> bool:
        if provider == OWNER["provider"]:
            return self._shared.link is not None
        if provider in self.providers:
            return True
        known = self.passwords is not None and self.passwords.credential(str(user.get("id"))) is not None
        return known or self._shared.config.check is not None

    def credential(self, provider: str, user: User) -> Any:
        """The proof of a login, which is compared with another `auth` later."""
        if provider == "token":
            return "link"
        if provider != "password":
            return ("provider", provider, None)
        name = str(user.get("id"))
        if self.passwords is not None and (proof := self.passwords.credential(name)) is not None:
            return ("password", name, proof)
        return ("check", name, None)

    def _proof(self, session: Session, secret: str) -> bytes | None:
        name = str(session.user.get("id"))
        is_password = self.passwords is not None and session.user.get("provider") == "password"
        return self.passwords.proof(name, secret) if is_password and self.passwords is not None else None

    # Sessions

    def find(self, secret: str) -> Session | None:
        """The session with this id, if it has not ended. One from a database ends if the password has changed."""
        sessions = self._shared.sessions
        session = sessions.find(secret)
        if session is None or session.credential is not None or session.proof is None:
            return session
        if self._proof(session, secret) != session.proof:
            sessions.end(session, "the password has changed")
            return None
        session.credential = self.credential(str(session.user.get("provider")), session.user)
        return session

    async def enter_by_link(self, head: RequestHead, path: str) -> Reply:
        """Begin a session for the reader of the access link."""
        if self.is_exposed(head):
            return pages.message(403, "Not encrypted", EXPOSED, link=f"{head.prefix}/auth/login")
        return await self.enter(head, "token", Identified(dict(OWNER)), path)

    async def enter(self, head: RequestHead, provider: str, identified: Identified, next: str) -> Reply:
        """Begin a session if the user may log in, and redirect to `next`."""
        user = {"id": "", "name": "", **identified.user}
        # Two providers of one kind have different names here, and each may have a user with the same id.
        user["provider"] = provider if provider in self.providers else user.get("provider", provider)
        config = self._shared.config
        if provider != "token" and not has_allowed_email(user, config.allowed_emails):
            return self.refused(head, 403, "Not allowed", "This account may not log in here.")
        if config.on_login is not None:
            result = await call(self._shared.site, config.on_login, user)
            if result is False:
                return self.refused(head, 403, "Not allowed", "This account may not log in here.")
            user = {**user, **result} if isinstance(result, dict) else user
        sessions = self._shared.sessions
        before = sessions.find(self._shared.cookies.read(head))
        session, secret = sessions.begin(user)
        session.credential = self.credential(provider, identified.user)
        session.recheck_data = identified.recheck_data
        session.proof = self._proof(session, secret)
        sessions.on_begin(session)
        if before is not None:
            self._replace(before, session)
        await self._shared.flush()
        cookie = self._shared.cookies.set(head, secret, session.absolute_end - session.since)
        headers: Headers = (cookie, _NO_STORE, ("referrer-policy", "no-referrer"))
        if wants_json(head):
            body = {"token": secret, "expires_in": session.duration, "user": user}
            return Reply(
                200, json.dumps(body, default=shown).encode(), (("content-type", "application/json"), *headers)
            )
        return redirect(next, headers=headers)

    def _replace(self, before: Session, session: Session) -> None:
        """End the session that this browser had. The open pages of the same user stay connected."""
        if is_same_user(before.user, session.user):
            for socket in before.sockets:
                socket.visitor = socket.visitor._replace(session=session)  # type: ignore[attr-defined]
            session.sockets |= before.sockets
            before.sockets = set()
        self._shared.sessions.end(before, "another user has logged in")

    def refused(self, head: RequestHead, status: int, title: str, text: str, headers: Headers = ()) -> Reply:
        """The reply to a login that is not accepted: a page, or JSON for a program."""
        if wants_json(head):
            body = json.dumps({"error": text}).encode()
            return Reply(status, body, (("content-type", "application/json"), _NO_STORE, *headers), title)
        return pages.message(status, title, text, headers, link=f"{head.prefix}/auth/login")

    # Repeated checks by providers

    def recheck(self) -> None:
        """Check sessions again with those providers that can end a login."""
        sessions = self._shared.sessions
        now = sessions.clock()
        for session in sessions:
            provider = self.providers.get(str(session.user.get("provider")))
            interval = provider.recheck_interval if provider is not None else None
            if provider is None or interval is None or now - session.rechecked < interval:
                continue
            if session.digest not in self._rechecks:
                session.rechecked = now
                self._rechecks[session.digest] = asyncio.get_running_loop().create_task(
                    self._recheck(provider, session)
                )

    async def _recheck(self, provider: Provider, session: Session) -> None:
        try:
            if not await provider.recheck(session.user, session.recheck_data):
                self._shared.sessions.end(session, "the login at the provider has ended")
        except Exception as error:
            self._shared.report(f"the check of a login at {provider.label}", error)
        finally:
            self._rechecks.pop(session.digest, None)


def _numbered(providers: Sequence[Provider], number: int) -> str:
    name = providers[number].name
    earlier = sum(each.name == name for each in providers[:number])
    return f"{name}-{earlier + 1}" if earlier else name


def wants_json(head: RequestHead) -> bool:
    """Whether a program has sent the request, and reads JSON."""
    return "application/json" in head.first("accept") and "text/html" not in head.first("accept")
