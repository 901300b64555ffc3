"""Sharing: the links by which people on the same networks reach a server, and the problems with them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from zefnb.engine.runtime import default_runtime
from zefnb.net.extras import require
from zefnb.net.interfaces import Interface, interfaces
from zefnb.notebook.links.links import is_on_page_host

_HTTP_PORTS = {"http": 80, "https": 443}


class NetworkLink(NamedTuple):
    """The link on one network: the name of the interface, and the url."""

    network: str
    url: str


class Obstacle(NamedTuple):
    """A problem with access, and the argument of `FX.StartHTTPServer` that solves it, if there is one."""

    problem: str
    change: str = ""


class Shared:
    """The links of one server, with QR codes. A notebook shows the codes as pictures, a terminal as text."""

    def __init__(self, links: Sequence[NetworkLink], obstacles: Sequence[Obstacle]) -> None:
        self.links, self.obstacles = tuple(links), tuple(obstacles)

    @property
    def change(self) -> str:
        """The one change that solves everything, as code, or an empty text."""
        changes = [obstacle.change for obstacle in self.obstacles if obstacle.change]
        return f"FX.StartHTTPServer(..., {', '.join(changes)})" if changes else ""

    def lines(self) -> Iterator[str]:
        """The text: links with codes, what prevents access, and the change."""
        for link in self.links:
            yield f"{link.network}: {link.url}"
            yield qr_text(link.url)
        if not self.links:
            yield "This machine has no network."
        yield from (f"- {obstacle.problem}" for obstacle in self.obstacles)
        if self.change:
            yield f"To change this: {self.change}"

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        from zefnb.notebook.display import html

        codes = [
            html.tag("div", html.Markup(qr_svg(link.url)), html.tag("div", link.network, ": ", html.link(link.url)))
            for link in self.links
        ]
        notes = [html.tag("li", obstacle.problem) for obstacle in self.obstacles]
        return html.page(
            html.Markup(_STYLE),
            html.tag("div", *codes, cls="share") if codes else "This machine has no network.",
            html.tag("ul", *notes) if notes else "",
            html.tag("div", "To change this: ", html.tag("code", self.change)) if self.change else "",
        )


# On a narrow page the codes are one below the other.
_STYLE = (
    "<style>.zefnb .share{display:flex;flex-wrap:wrap;gap:1em}"
    ".zefnb .share svg{display:block;max-width:100%;height:auto}"
    ".zefnb .share a{overflow-wrap:anywhere}</style>"
)


def qr_svg(url: str) -> str:
    """The QR code of a url as SVG, black on white also on a dark page, since many readers need that."""
    import segno

    return str(segno.make(url, micro=False).svg_inline(scale=5, border=4, dark="#000", light="#fff"))


def qr_text(url: str) -> str:
    """The QR code of a url as text, two rows in a line, light modules drawn: for a dark terminal."""
    import segno

    out = io.StringIO()
    segno.make(url, micro=False).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")


def shared(handle: Any) -> Shared:
    """The links of a running server. Raises `NotInstalled`, or `NotRunning`."""
    require("https", "segno", "ifaddr")
    from zefnb.notebook.overview import on_loop

    runtime = default_runtime()
    found: Shared = on_loop(runtime, lambda: _of_server(runtime, handle, interfaces()))
    return found


def _of_server(runtime: Any, handle: Any, networks: Sequence[Interface]) -> Shared:
    from zefnb.net.http.servers import Servers

    server = runtime.service(Servers).get(handle)
    scheme = "https" if server.is_secure else "http"
    names = [name for name in server.certificates.hosts if "." in name and not name.startswith("*.")]
    links = [NetworkLink(network.name, _url(scheme, _host(network, names), server.port)) for network in networks]
    return Shared(list(dict.fromkeys(links)), list(_obstacles(server, handle)))


def _host(network: Interface, names: Sequence[str]) -> str:
    """An address or a name for which the certificate is valid, if there is one, else the first address."""
    fitting = next((address for address in network.addresses if address in names), "")
    public = next((name for name in names if any(letter.isalpha() for letter in name) and ":" not in name), "")
    return fitting or public or network.addresses[0]


def _url(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}/" if port == _HTTP_PORTS[scheme] else f"{scheme}://{shown}:{port}/"


def _obstacles(server: Any, handle: Any) -> Iterator[Obstacle]:
    if is_on_page_host():
        yield Obstacle("The notebook runs behind a proxy: people reach the server by the link of %zef url.")
    if not server.allow_external_requests:
        problem = "The server accepts only connections of this machine, so the links do not work yet."
        yield Obstacle(problem, "allow_external_requests=True")
    if server.auth is None:
        yield Obstacle("It has no login: every device on the network can use it.", "auth='token'")
    if not server.is_secure:
        yield Obstacle("It uses plain HTTP: others on the network can read along.", "certificates='local'")
    elif root := handle.__dict__.get("root_certificate"):
        yield Obstacle(f"Each device must trust the root certificate once: {root}")
