"""The policy: which requests need no login, and which users may log in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zefnb.net.access import Access
from zefnb.net.http.decision import Accepted, Reply


def access_of(found: Accepted | Reply) -> Access:
    """The access of the route that serves a request."""
    access: Access = found.value.access if isinstance(found, Accepted) else found.access
    return access


class PublicPaths:
    """The paths of `public=`. One that ends with a star stands for all paths that begin like it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._whole = {path.rstrip("/") or "/" for path in paths if not path.endswith("*")}
        self._starts = tuple(path[:-1] for path in paths if path.endswith("*"))

    def include(self, path: str) -> bool:
        """Whether a path needs no login.

        >>> public = PublicPaths(['/', '/static/*'])
        >>> public.include('/'), public.include('/static/app.js'), public.include('/static/../admin')
        (True, True, False)
        """
        if (path.rstrip("/") or "/") in self._whole:
            return True
        return path.startswith(self._starts) and ".." not in path.split("/") if self._starts else False


def has_allowed_email(user: dict[str, Any], allowed: Iterable[str] | None) -> bool:
    """Whether the user's address is one of those that are allowed; `None` allows every user.

    >>> has_allowed_email({'email': 'Ada@Example.org'}, ['*@example.org']), has_allowed_email({}, ['*@example.org'])
    (True, False)
    >>> has_allowed_email({'email': 'ada@example.org.evil'}, ['*@example.org'])
    False
    """
    if allowed is None:
        return True
    email = user.get("email")
    if not isinstance(email, str) or email.count("@") != 1:
        return False
    email = email.strip().lower()
    return any(email == each.lower() or (each[0] == "*" and email.endswith(each[1:].lower())) for each in allowed)
