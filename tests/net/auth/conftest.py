"""Fixtures of the tests of logins: browsers (an HTTP client with cookies), and servers with users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.clock import Clock
from tests.net.auth.providers.issuer import Issuer
from tests.net.conftest import inside, on_loop

PASSWORDS = {"ada": "correct horse", "bob": "battery staple"}
PAGE = {"accept": "text/html,application/xhtml+xml", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


class Browser(httpx.Client):
    """An HTTP client that keeps cookies, follows no redirect, and sends what a browser sends for a page."""

    def __init__(self, server: Any, host: str = "localhost", **options: Any) -> None:
        self.origin = f"http://{host}:{server.port}"
        super().__init__(base_url=self.origin, follow_redirects=False, timeout=20, **options)

    def page(self, path: str, **headers: str) -> httpx.Response:
        """Visit a page, by an address that is typed."""
        return self.get(path, headers={**PAGE, "sec-fetch-site": "none", **headers})

    def login(self, name: str = "ada", password: str | None = None, **fields: str) -> httpx.Response:
        """Send the form of the login page."""
        data = {"name": name, "password": PASSWORDS[name] if password is None else password, **fields}
        return self.post("/auth/login", data=data, headers={**PAGE, "origin": self.origin})

    @property
    def cookie(self) -> str:
        """The Cookie header that the browser sends now."""
        return "; ".join(f"{each.name}={each.value}" for each in self.cookies.jar)

    @property
    def secret(self) -> str:
        """The secret id of its session."""
        [value] = [each.value for each in self.cookies.jar if "session" in each.name]
        return str(value)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An OpenID provider of the test's own."""
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def browse(clean: None) -> Iterator[Callable[..., Browser]]:
    """`browse(server)`: a new browser."""
    with ExitStack() as stack:
        yield lambda server, *host, **options: stack.enter_context(Browser(server, *host, **options))


def auth_of(server: Any) -> Any:
    """The authorizer of a running server."""
    return inside(server).auth


def sessions_of(server: Any) -> list[Any]:
    """The sessions of a running server."""
    found: list[Any] = on_loop(lambda: list(auth_of(server).sessions))
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()
