"""The gate: whether a request may come in at all, decided in one place for HTTP and both forms of handshake.

Browsers say where a request comes from: by Origin (RFC 6454) where a script made it or where it changes something,
and by Sec-Fetch-Site (Fetch Metadata Request Headers) always, also for the image that a page of elsewhere shows.
Programs that are no browsers send neither, and pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zefnb.net.hosts import is_loopback, split_host
from zefnb.net.http.admission import Admission

# What a page embeds is no visit, though browsers call it a navigation.
_EMBEDDED = ("object", "embed")


class Asked(NamedTuple):
    """What the gate looks at in a request. A header that came several times is there as often."""

    method: str
    host: str
    origins: Sequence[str] = ()
    sites: Sequence[str] = ()
    mode: str = ""
    destination: str = ""
    referer: str = ""
    is_handshake: bool = False


_LOOKED_AT = frozenset((b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"referer"))


def asked_by(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    """What the gate looks at in a request of these headers, whose names are in lower case."""
    given: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in _LOOKED_AT:
            given.setdefault(name, []).append(value.decode("latin-1"))
    host = given.pop(b"host", [""])[0]
    if not given:  # a program
        return Asked(method, host)
    return Asked(
        method,
        host,
        given.get(b"origin", ()),
        given.get(b"sec-fetch-site", ()),
        given.get(b"sec-fetch-mode", [""])[0],
        given.get(b"sec-fetch-dest", [""])[0],
        given.get(b"referer", [""])[0],
    )


class Refusal(NamedTuple):
    """Why a request may not come in: the answer, and the header that the notebook is told of, if any."""

    status: int
    text: str
    header: str
    value: str


class Gate:
    """Decides by Host, Origin and where a browser says that the request comes from."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def refusal(self, asked: Asked) -> Refusal | None:
        """Why this request may not come in, `None` if it may."""
        if not self._admission.host_fits(asked.host):
            return Refusal(403, "this server does not answer to that Host", "Host", asked.host)
        if asked.is_handshake and len(asked.origins) > 1:
            return Refusal(400, "a handshake has one Origin", "", "")
        for origin in asked.origins:
            if not self._admission.origin_fits(origin):
                return Refusal(403, "this server does not answer to pages of that Origin", "Origin", origin)
        if asked.sites and not asked.origins:
            for site in asked.sites:
                if self._is_elsewhere(site, asked.host) and not self._may_come(asked):
                    page = _origin_of(asked.referer) or site
                    return Refusal(403, "this server does not answer to pages of other sites", "Sec-Fetch-Site", page)
        return None

    def _is_elsewhere(self, site: str, host: str) -> bool:
        """Whether this value of Sec-Fetch-Site means a page that is not this machine's own."""
        site = site.strip().lower()
        if site == "same-site":
            # Another port of this machine is let in, as its Origin is; a neighbour under the same domain is not.
            return not is_loopback(split_host(host)[0])
        return site not in ("same-origin", "none")

    def _may_come(self, asked: Asked) -> bool:
        """Whether it is a visit, by a link or an address, or its page is allowed; browsers let no page forge either."""
        if asked.mode == "navigate" and asked.method in ("GET", "HEAD") and asked.destination not in _EMBEDDED:
            return True
        page = _origin_of(asked.referer)
        return bool(page) and self._admission.origin_fits(page)


def _origin_of(referer: str) -> str:
    """The origin in a Referer (RFC 9110, section 10.1.3): scheme, host and port; empty when there is none."""
    scheme, separator, rest = referer.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    return f"{scheme}://{authority}" if separator and authority else ""
