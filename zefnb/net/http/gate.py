"""The gate: one decision for each request, in all three forms (plain handshake, upgrade, HTTP).

Browsers send the origin of a request: in Origin (RFC 6454) when a script made the request or when it changes something,
and always in Sec-Fetch-Site (Fetch Metadata Request Headers), also for an image that a foreign page shows.
Programs other than browsers send neither, and are accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zefnb.net.frame_key import FRAME_KEY, FrameKey
from zefnb.net.hosts import is_loopback, split_host
from zefnb.net.http import forms
from zefnb.net.http.admission import Admission, is_same_origin
from zefnb.net.http.cors import cors_headers, is_preflight, preflight
from zefnb.net.http.decision import Accepted, Decision, Headers, Reply, refuse
from zefnb.net.http.fetch_metadata import is_frame, is_visit, origin_of
from zefnb.net.http.proxies import Proxies
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.routes import METHODS, PathTable
from zefnb.net.https.challenges import CHALLENGE_PATH, find_response

_NOT_FOUND = refuse(404, "Not Found")
_NO_ENDPOINT = refuse(404, "there is no WebSocket route of that path")
_UPGRADE_REQUIRED = refuse(
    426, "this is a WebSocket route", headers=(("upgrade", "websocket"), ("connection", "upgrade"))
)
_NO_HOST = refuse(400, "a request must have a Host", headers=(("connection", "close"),))
_MANY_ORIGINS = refuse(400, "a request must have only one Origin")

Authorize = Callable[[RequestHead, Accepted | Reply], Decision]


def reply_to_challenge(head: RequestHead) -> Reply | None:
    """The reply to an authority that checks a domain (RFC 8555, section 8.3), whatever the Host and the visitor."""
    response = find_response(head.path) if head.path.startswith(CHALLENGE_PATH) else None
    return None if response is None else Reply(200, response, (("content-type", "application/octet-stream"),))


class Gate:
    """Decides by Host, Origin, Sec-Fetch-Site, the route, and the visitor.

    `decide` changes nothing, so that one form of request can fall back to another, which decides again. An action that
    must occur once, such as counting a wrong password, belongs in the `start` of a decision that takes time.
    """

    def __init__(self, admission: Admission, proxies: Proxies | None = None, frame_key: FrameKey | None = None) -> None:
        self._admission = admission
        self._proxies = proxies
        self._frame_key = frame_key
        # Replies to some requests before anything else decides.
        self.reply_first: Callable[[RequestHead], Reply | None] = reply_to_challenge
        # Decides about the visitor after Host and Origin are accepted. `None`: every visitor is accepted.
        self.authorize: Authorize | None = None
        self._resources = PathTable({})
        self._endpoints = PathTable({})

    def set_routes(self, resources: Mapping[str, Mapping[str, Any]], endpoints: Mapping[str, Any]) -> None:
        """Set the paths: those with a value for each method, and those with a WebSocket endpoint."""
        self._resources = PathTable({path: (path, methods) for path, methods in resources.items()})
        self._endpoints = PathTable({path: (path, endpoint) for path, endpoint in endpoints.items()})

    @property
    def has_proxies(self) -> bool:
        """Whether there is a proxy to believe."""
        return self._proxies is not None

    def original(self, head: RequestHead) -> RequestHead:
        """The head as a trusted proxy received it, which callers pass to `decide`."""
        return head if self._proxies is None else self._proxies.original(head)

    def decide(self, head: RequestHead) -> Decision:
        """Whether a request is accepted, and the value that serves it."""
        if (reply := self.reply_first(head)) is not None:
            return reply
        refusal = self._refusal(head)
        if refusal is not None:
            return refusal
        # A preflight has no credentials, so it does not identify a visitor.
        if is_preflight(head) and (reply := self._preflight(head)) is not None:
            return reply
        found = self._route(head)
        return found if self.authorize is None else self.authorize(head, found)

    def headers_for(self, head: RequestHead, given: Sequence[str]) -> Headers:
        """Headers of each response to this request beside those `given`, for the page that sent the request."""
        is_admitted = "origin" not in head.headers or self._refusal(head) is None
        return cors_headers(head, given, self._admission) if is_admitted else ()

    def _preflight(self, head: RequestHead) -> Reply | None:
        served, _ = self._resources.find(head.path)
        methods = {} if served is None else served[1]
        if "OPTIONS" in methods:
            return None  # the program has its own
        if self.authorize is not None:
            return preflight(head, METHODS)  # it does not reveal which paths exist
        return preflight(head, _allowed(methods)) if methods else None

    # The origin of a request

    def _refusal(self, head: RequestHead) -> Reply | None:
        host = head.first("host")
        if not host:
            return _NO_HOST
        if not self._admission.host_fits(host):
            return refuse(403, "this server does not allow that Host", foreign=("Host", host))
        headers = head.headers
        if "origin" in headers:
            return self._foreign_origin(head)
        return self._foreign_site(head, host) if "sec-fetch-site" in headers else None

    def _foreign_origin(self, head: RequestHead) -> Reply | None:
        origins = head.values("origin")
        if head.is_handshake and len(origins) > 1:
            return _MANY_ORIGINS  # as `websockets` does
        for origin in origins:
            # Only the proxy can read the name and the port under which clients reach it.
            if head.is_proxied and is_same_origin(origin, head.base_url.removesuffix(head.prefix)):
                continue
            if not self._admission.origin_fits(origin):
                return refuse(403, "this server does not allow pages of that Origin", foreign=("Origin", origin))
        return None if len(origins) == 1 else _MANY_ORIGINS

    def _foreign_site(self, head: RequestHead, host: str) -> Reply | None:
        for site in head.values("sec-fetch-site"):
            if self._is_foreign_site(site, host) and not self._is_visit_or_allowed(head):
                page = origin_of(head.first("referer")) or site
                foreign = ("Sec-Fetch-Site", page)
                return refuse(403, "this server does not allow pages of other sites", foreign=foreign)
        return None

    def _is_foreign_site(self, site: str, host: str) -> bool:
        """Whether this value of Sec-Fetch-Site means a page that does not belong to this machine."""
        site = site.strip().lower()
        if site == "same-site":
            # Another port of this machine is accepted, as its Origin is; another host in the same domain is not.
            return not is_loopback(split_host(host)[0])
        return site not in ("same-origin", "none")

    def _is_visit_or_allowed(self, head: RequestHead) -> bool:
        """Whether it is a visit through a link or an address, or its page is allowed. A page can forge neither."""
        if is_visit(head) or (is_frame(head) and self._has_frame_key(head)):
            return True
        page = origin_of(head.first("referer"))
        return bool(page) and self._admission.origin_fits(page)

    def _has_frame_key(self, head: RequestHead) -> bool:
        if self._frame_key is None or FRAME_KEY not in head.query or forms.has_too_many_fields(head.query):
            return False
        return self._frame_key.fits(forms.query_fields(head.query).get(FRAME_KEY, ""))

    # The route of a request

    def _route(self, head: RequestHead) -> Accepted | Reply:
        if forms.has_too_many_fields(head.query):
            return refuse(400, f"a query can have at most {forms.FIELDS_LIMIT:,} fields")
        if not head.is_handshake:
            return self._find_resource(head)
        served, variables = self._endpoints.find(head.path)
        if served is None:
            return _NO_ENDPOINT
        route, endpoint = served
        return Accepted(route, endpoint, variables)

    def _find_resource(self, head: RequestHead) -> Accepted | Reply:
        served, variables = self._resources.find(head.path)
        route, methods = ("", {}) if served is None else served
        method = "GET" if head.method == "HEAD" and "HEAD" not in methods else head.method
        if method in methods:
            return Accepted(route, methods[method], variables)
        if (endpoint := self._endpoints.find(head.path)[0]) is not None:
            # A page cannot read the status of a refused handshake, so `/zef.js` reads that of this request instead.
            return _UPGRADE_REQUIRED._replace(access=endpoint[1].access)
        if served is None:
            return _NOT_FOUND
        return refuse(405, "Method Not Allowed", headers=(("allow", ", ".join(_allowed(methods))),))


def _allowed(methods: Iterable[str]) -> list[str]:
    return sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
