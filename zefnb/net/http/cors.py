"""CORS: what pages of other origins may do with responses (Fetch standard, section 3.3), if they may come in at all.

The gate refuses pages of foreign origins, so each Origin that comes here is admitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zefnb.net.http.admission import Admission
from zefnb.net.http.decision import Headers, Reply
from zefnb.net.http.request_head import RequestHead

# How long a browser may go on without asking again, in seconds.
MAX_AGE = 600
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Pages can read these of any response, or of none.
_NOT_EXPOSED = {
    *("cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"),
    *("set-cookie", "vary", "connection", "x-content-type-options"),
}
# A response with one of these may be kept, and given to a page of another origin.
_KEPT = {"cache-control", "etag", "expires", "last-modified"}


def is_preflight(head: RequestHead) -> bool:
    """Whether a browser asks what a page may send (CORS-preflight request)."""
    return head.method == "OPTIONS" and "origin" in head.headers and "access-control-request-method" in head.headers


def preflight(head: RequestHead, methods: Iterable[str]) -> Reply:
    """The reply to a preflight: these methods, and all headers that it asks for."""
    asked = ",".join(head.values("access-control-request-headers")).split(",")
    names = [name.strip() for name in asked if _TOKEN.fullmatch(name.strip())]
    headers = [("access-control-allow-methods", ", ".join(methods)), ("access-control-max-age", str(MAX_AGE))]
    if names:
        headers.append(("access-control-allow-headers", ", ".join(names)))
    vary = ("vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
    return Reply(204, b"", (*headers, vary))


def cors_headers(head: RequestHead, given: Sequence[str], admission: Admission) -> Headers:
    """What a response says to the page that asked for it. `given` are the names of the headers that it has.

    A response that says by itself which origins may read it is left as it is.
    """
    if "access-control-allow-origin" in given:
        return ()
    vary = ("vary", "Origin")
    if "origin" not in head.headers:
        return (vary,) if not _KEPT.isdisjoint(given) else ()
    origin = head.first("origin")
    headers = [("access-control-allow-origin", origin), vary]
    if admission.is_named(origin):
        # Other programs of this machine have pages on loopback, too, and need not be trusted with cookies.
        headers.append(("access-control-allow-credentials", "true"))
    exposed = dict.fromkeys(name for name in given if name not in _NOT_EXPOSED and not name.startswith("access-"))
    if exposed and "access-control-expose-headers" not in given:
        headers.append(("access-control-expose-headers", ", ".join(exposed)))
    return tuple(headers)
