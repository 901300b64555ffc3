"""Credentials: the cookie, bearer token, ticket or access token of a request, and the head without them."""

from __future__ import annotations

from zefnb.net.auth.cookies import without_cookies
from zefnb.net.http.admission import Admission, is_same_origin
from zefnb.net.http.decision import Reply, refuse
from zefnb.net.http.fetch_metadata import is_visit, origin_of
from zefnb.net.http.forms import query_pairs
from zefnb.net.http.request_head import RequestHead

TICKET = "ticket"
# JupyterHub's proxy and Jupyter's identify the user to each other in these.
_LEFT_OUT = ("cookie", "authorization", "proxy-authorization", "x-xsrftoken")
# RFC 9110, section 15.5.2.
NO_LOGIN = refuse(
    401, "log in first", headers=(("www-authenticate", 'Bearer realm="zefnb"'), ("cache-control", "no-store"))
)
_SAFE = ("GET", "HEAD", "OPTIONS")


def bearer_of(head: RequestHead) -> str:
    """The bearer token (RFC 6750, section 2.1); empty without one.

    >>> bearer_of(RequestHead('GET', '/', '', {'authorization': ('Bearer x',)}))
    'x'
    """
    scheme, _, token = head.first("authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and len(head.values("authorization")) == 1 else ""


def query_value(head: RequestHead, name: str) -> str:
    """The value of a field of the query; empty without it, and if there are several."""
    if f"{name}=" not in head.query:
        return ""
    values = [value for each, value in query_pairs(head.query) if each == name]
    return values[0] if len(values) == 1 else ""


def query_without(query: str, names: tuple[str, ...]) -> str:
    """The query as received, without some fields.

    >>> query_without('a=1&token=x&b=2', ('token',))
    'a=1&b=2'
    """
    if not any(f"{name}=" in query for name in names):
        return query
    return "&".join(
        part for part in query.split("&") if query_pairs(part)[:1] == [] or query_pairs(part)[0][0] not in names
    )


def without_credentials(head: RequestHead, names: tuple[str, ...]) -> RequestHead:
    """The head that handlers may see: without the fields `names` of its query, and without credentials in headers."""
    headers = head.headers
    if not headers.keys().isdisjoint(_LEFT_OUT) or "referer" in headers:
        headers = {name: values for name, values in headers.items() if name not in _LEFT_OUT}
        if cookies := without_cookies(head.values("cookie")):
            headers["cookie"] = cookies
        if "referer" in headers:
            headers["referer"] = [_without_fields(url, names) for url in head.values("referer")]
    return head._replace(headers=headers, query=query_without(head.query, names))


def _without_fields(url: str, names: tuple[str, ...]) -> str:
    base, mark, query = url.partition("?")
    return f"{base}{mark}{query_without(query, names)}"


def foreign_page(head: RequestHead, admission: Admission) -> Reply | None:
    """The refusal of a request whose page may not use the user's cookie; `None` when it may.

    Browsers send a cookie also with requests of pages of other ports, which are other programs.
    """
    if "origin" in head.headers:
        origin = head.first("origin")
        if is_same_origin(origin, head.base_url.removesuffix(head.prefix)) or admission.is_named(origin):
            return None
        why = "pages of that Origin may not use a login here"
        return refuse(403, why, foreign=("Origin", origin))
    if head.is_handshake:
        return refuse(403, "a WebSocket handshake with a cookie has an Origin; a program sends a bearer token")
    site = head.first("sec-fetch-site").strip().lower()
    if site in ("", "same-origin", "none"):
        return None
    if is_visit(head) or (head.method in _SAFE and admission.is_named(origin_of(head.first("referer")))):
        return None
    return refuse(403, "pages of other origins may not use a login here")


def wants_page(head: RequestHead) -> bool:
    """Whether a browser shows the response as a page, so that it can be redirected to a login."""
    if head.method not in ("GET", "HEAD") or head.is_handshake or "text/html" not in head.first("accept"):
        return False
    return head.first("sec-fetch-mode") in ("", "navigate") and head.first("sec-fetch-dest") in (
        "",
        "document",
        "iframe",
    )
