"""Cookies: their names and attributes (RFC 6265bis), and how they are read and removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zefnb.net.http.request_head import RequestHead

_PREFIX = "zefnb-"
# Those of JupyterHub and of the Jupyter server, which a proxy passes on to servers below their address.
_OF_JUPYTER = ("jupyterhub-", "jupyter-hub-", "username-", "_xsrf", "jupyter-")


class Cookies:
    """The cookies of one server. Their names contain its port, since browsers ignore ports for cookies."""

    def __init__(self, port: int) -> None:
        self._port = port

    def name(self, head: RequestHead, kind: str = "session") -> str:
        """The name of a cookie of this kind.

        >>> Cookies(8000).name(RequestHead('GET', '/', '', {}, is_secure=True))
        '__Host-zefnb-session-8000'
        """
        plain = f"{_PREFIX}{kind}-{self._port}"
        if not head.is_secure:
            return plain
        # The browser accepts `__Host-` only for the whole host, and `__Secure-` for any path.
        return f"__Secure-{plain}" if head.prefix else f"__Host-{plain}"

    def set(self, head: RequestHead, value: str, max_age: float, kind: str = "session") -> tuple[str, str]:
        """The header that sets the cookie; with `max_age=0` it deletes the cookie.

        >>> Cookies(8000).set(RequestHead('GET', '/', '', {}), 'x', 60)
        ('set-cookie', 'zefnb-session-8000=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax')
        """
        secure = "; Secure" if head.is_secure else ""
        path = head.prefix or "/"
        text = f"{self.name(head, kind)}={value}; Path={path}; Max-Age={int(max_age)}; HttpOnly; SameSite=Lax{secure}"
        return ("set-cookie", text)

    def read(self, head: RequestHead, kind: str = "session") -> str:
        """The value of a cookie; empty without one, and if the request has two different ones.

        A page of a neighbouring host can set a second cookie of the same name, and so put its own login in the place of
        the user's.
        """
        name = self.name(head, kind)
        values = {value for each, value in _pairs(head.values("cookie")) if each == name}
        return values.pop() if len(values) == 1 else ""


def without_cookies(values: Sequence[str]) -> list[str]:
    """The values of the Cookie headers without the cookies of zefnb and Jupyter.

    >>> without_cookies(['theme=dark; zefnb-session-8000=x', '_xsrf=y'])
    ['theme=dark']
    """
    others = ("; ".join(part.strip() for part in value.split(";") if not _is_ours(part)) for value in values)
    return [value for value in others if value]


def _is_ours(part: str) -> bool:
    name = part.partition("=")[0].strip().removeprefix("__Host-").removeprefix("__Secure-").lower()
    return not name or name.startswith((_PREFIX, *_OF_JUPYTER))


def _pairs(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        for part in value.split(";"):
            name, _, given = part.strip().partition("=")
            yield name, given
