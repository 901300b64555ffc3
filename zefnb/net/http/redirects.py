"""Redirects below the prefix of a proxy: paths of the server become addresses that clients can use."""

from __future__ import annotations

from zefnb.net.http.request_head import RequestHead

# jupyter-server-proxy sends it. From version 4.5 on, the proxy itself adds the prefix to a path in Location.
_JUPYTER = "x-proxycontextpath"


def behind_prefix(location: str, head: RequestHead, path: str) -> str:
    """The Location for a client behind a proxy; `path` is that of the request, not decoded.

    >>> head = RequestHead('GET', '/a/b', '', {}, prefix='/proxy')
    >>> behind_prefix('/new', head, '/a/b'), behind_prefix('https://a.example', head, '/a/b')
    ('/proxy/new', 'https://a.example')
    """
    if not location.startswith("/") or location.startswith("//"):
        return location
    is_prefixed = location == head.prefix or location.startswith(f"{head.prefix}/")
    if _JUPYTER not in head.headers:
        return location if is_prefixed else head.prefix + location
    return relative(location.removeprefix(head.prefix) if is_prefixed else location, path)


def relative(location: str, path: str) -> str:
    """The path `location`, relative to the address of a request for `path` (RFC 3986, section 5.2).

    >>> relative('/new?x=1', '/'), relative('/new', '/a/b/c'), relative('/', '/a')
    ('./new?x=1', '../../new', './')
    """
    depth = path.count("/") - 1
    return ("../" * depth or "./") + location.removeprefix("/")
