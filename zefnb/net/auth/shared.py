"""The objects that the decisions, the logins and the pages of one server share."""

from __future__ import annotations

from zefnb.net.auth.access_link import AccessLink
from zefnb.net.auth.cookies import Cookies
from zefnb.net.auth.fields import AuthConfig
from zefnb.net.auth.sessions import Sessions
from zefnb.net.auth.stored import StoredSessions
from zefnb.net.auth.tickets import Tickets
from zefnb.net.http.authorizer import Site


class Shared:
    """The configuration, the sessions and the cookies of one server. `site` and `cookies` are set when it starts."""

    def __init__(self, config: AuthConfig) -> None:
        self.config = config
        self.sessions = Sessions(config.session_duration, config.sliding)
        self.tickets = Tickets()
        self.link = AccessLink() if config.has_token else None
        self.stored: StoredSessions | None = None
        self.site: Site = None  # type: ignore[assignment]
        self.cookies: Cookies = None  # type: ignore[assignment]

    @property
    def login_path(self) -> str:
        """The path of the page on which users log in."""
        return self.config.login_page or "/auth/login"

    async def flush(self) -> None:
        """Wait until everything is in the database."""
        if self.stored is not None:
            await self.stored.flush()

    def report(self, text: str, error: Exception) -> None:
        """Report an error that no caller can receive."""
        self.site.runtime.journal.exception(text, error, server=self.site.server)
