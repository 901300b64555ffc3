"""CORS: the headers that let pages of other origins read responses (Fetch standard, section 3.3).

The gate refuses pages of foreign origins, so each Origin here is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zefnb.net.http.admission import Admission
from zefnb.net.http.decision import Headers, Reply
from zefnb.net.http.request_head import RequestHead

# Seconds for which a browser may keep the result of a preflight.
MAX_AGE = 600
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Pages can read these headers of any response, or of no response.
_NOT_EXPOSED = {
    *("cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"),
    *("set-cookie", "vary", "connection", "x-content-type-options"),
}
# A browser may cache a response with one of these, and give it to a page of another origin.
_CACHEABLE = {"cache-control", "etag", "expires", "last-modified"}


def is_preflight(head: RequestHead) -> bool:
    """Whether a browser checks the requests that a page may send (CORS-preflight request)."""
    return head.method == "OPTIONS" and "origin" in head.headers and "access-control-request-method" in head.headers


def preflight(head: RequestHead, methods: Iterable[str]) -> Reply:
    """The reply to a preflight: it allows these methods, and all headers that the preflight names."""
    requested = ",".join(head.values("access-control-request-headers")).split(",")
    names = [name.strip() for name in requested if _TOKEN.fullmatch(name.strip())]
    headers = [("access-control-allow-methods", ", ".join(methods)), ("access-control-max-age", str(MAX_AGE))]
    if names:
        headers.append(("access-control-allow-headers", ", ".join(names)))
    vary = ("vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
    return Reply(204, b"", (*headers, vary))


def cors_headers(head: RequestHead, given: Sequence[str], admission: Admission) -> Headers:
    """The CORS headers of a response, for the page that sent the request.

    `given` are the names of the headers that the response has. One that names its allowed origins gets no others.
    """
    if "access-control-allow-origin" in given:
        return ()
    vary = ("vary", "Origin")
    if "origin" not in head.headers:
        return (vary,) if not _CACHEABLE.isdisjoint(given) else ()
    origin = head.first("origin")
    headers = [("access-control-allow-origin", origin), vary]
    if admission.is_named(origin):
        # Other programs on this machine have pages on loopback, too; these must not use the user's cookies.
        headers.append(("access-control-allow-credentials", "true"))
    exposed = dict.fromkeys(name for name in given if name not in _NOT_EXPOSED and not name.startswith("access-"))
    if exposed and "access-control-expose-headers" not in given:
        headers.append(("access-control-expose-headers", ", ".join(exposed)))
    return tuple(headers)
