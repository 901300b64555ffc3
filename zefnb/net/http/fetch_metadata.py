"""Fetch metadata: the headers in which a browser describes the page that caused a request.

A browser sends these headers itself, so that no page can forge them (Fetch Metadata Request Headers, section 2).
"""

from __future__ import annotations

from zefnb.net.http.request_head import RequestHead

# Headers of a page that a browser fetches before the user opens it. The last three are older names.
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_AHEAD = ("prefetch", "prerender", "preview")


def is_visit(head: RequestHead) -> bool:
    """Whether the user opens the response as a page of its own, by a link or an address.

    A frame, an embedded object and a page that is fetched in advance are no visits, though browsers call them
    navigations: a page can cause these without the user. Old browsers send no Sec-Fetch-Dest.
    """
    return _is_navigation(head) and head.first("sec-fetch-dest") in ("", "document") and not _is_in_advance(head)


def is_frame(head: RequestHead) -> bool:
    """Whether the response is to be shown in a frame of another page."""
    return _is_navigation(head) and head.first("sec-fetch-dest") == "iframe"


def _is_navigation(head: RequestHead) -> bool:
    return head.method in ("GET", "HEAD") and not head.is_handshake and head.first("sec-fetch-mode") == "navigate"


def _is_in_advance(head: RequestHead) -> bool:
    purposes = (value.lower() for name in _PURPOSES for value in head.values(name))
    return any(word in value for value in purposes for word in _AHEAD)


def origin_of(referer: str) -> str:
    """The origin in a Referer (RFC 9110, section 10.1.3): scheme, host and port; empty without one.

    >>> origin_of('https://app.example:8443/a?b'), origin_of('about:client')
    ('https://app.example:8443', '')
    """
    scheme, separator, rest = referer.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    return f"{scheme}://{authority}" if separator and authority else ""
