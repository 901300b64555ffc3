"""Links: the url under which a browser reaches a server, on this machine or behind a proxy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from zefnb.errors import FieldError, InvalidValue
from zefnb.text.controls import strip_controls

Place = tuple[str, str]

_explicit: str | None = None
_colab: dict[int, str] = {}


class Link(str):
    """A url, or a path on the notebook's host. A notebook shows it as a link, a WebSocket's as text to copy."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from zefnb.notebook.display import html

        return html.page(html.address(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def set_public_url(url: str | None) -> None:
    """Set the url under which browsers reach the servers, for all links that are made from now on.

    The environment variable `ZEFNB_PUBLIC_URL` has the same effect; a url that is set here takes precedence.

    Args:
        url: A url or a path, in which `{port}` stands for the server's port, such as
            'https://hub.example/proxy/{port}'. `None` removes the setting.

    Returns:
        `None`.

    Raises:
        InvalidValue: `url` does not begin with 'http://', 'https://' or '/'.

    >>> from zefnb.core.entity import HTTPServer
    >>> set_public_url('https://hub.example/proxy/{port}')
    >>> str(public_url(HTTPServer('x', port=8000), '/ws', websocket=True))
    'wss://hub.example/proxy/8000/ws'
    >>> set_public_url(None)
    """
    global _explicit
    if url is not None and not url.startswith(("http://", "https://", "/")):
        raise InvalidValue(
            "set_public_url", [FieldError("url", f"got {url!r}", "'https://host/proxy/{port}', or a path")]
        )
    _explicit = url


def public_url(server: Any, path: str = "/", websocket: bool = False) -> Link:
    """Return the url under which a browser reaches `path` of `server`.

    The url depends on where the notebook runs: on this machine, on Colab, under JupyterHub, behind a Jupyter server's
    proxy, in Codespaces or in VS Code. Under a hub the kernel cannot find out the public host. The link is then a path,
    which is correct on the page that shows it.

    Args:
        server: The server's handle.
        path: The path on the server, '/' by default.
        websocket: Whether the url has the scheme `ws` or `wss`. Default `False`: `http` or `https`.

    Returns:
        The link, a `str` that a notebook shows as a link.

    >>> from zefnb.core.entity import HTTPServer
    >>> public_url(HTTPServer('x', port=8000), '/ws', websocket=True)  # doctest: +SKIP
    ws://localhost:8000/ws
    """
    base = _base(server.port)[1].rstrip("/")
    scheme, separator, rest = base.partition("://")
    if separator and _is_secure(server) and rest.startswith("localhost"):
        scheme = "https"
    if separator and websocket:
        scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    return Link(f"{scheme}{separator}{rest}/{''.join(map(_quoted, path.lstrip('/')))}")


def _quoted(character: str) -> str:
    """Return a character of a path, percent-encoded if it is unsafe in a link that is displayed."""
    is_unsafe = character.isspace() or character in '<>"' or strip_controls(character) != character
    if not is_unsafe:
        return character
    from urllib.parse import quote  # it takes a while, and most paths have no such character

    return quote(character, errors="replace")


def is_on_page_host() -> bool:
    """Whether links are paths on the host of the page that shows them, a host which only the page can report."""
    # Colab is excluded first: it returns whole urls, and `_base` would make it create a proxy for a port.
    return "google.colab.output" not in sys.modules and _base(0)[1].startswith("/")


def reached_by(port: int) -> str:
    """Return in a few words how links to that port are made here."""
    return _base(port)[0]


def _base(port: int) -> Place:
    for way in _WAYS:
        found = way(port, os.environ)
        if found is not None:
            return found
    return "loopback", f"http://localhost:{port}"


def _by_setting(port: int, env: Mapping[str, str]) -> Place | None:
    given = _explicit or env.get("ZEFNB_PUBLIC_URL")
    if not given:
        return None
    return "the url that was set", given.replace("{port}", str(port))


def _by_colab(port: int, env: Mapping[str, str]) -> Place | None:
    output: Any = sys.modules.get("google.colab.output")
    if output is None:
        return None
    if port not in _colab:
        # Each port needs one request to the page.
        _colab[port] = str(output.eval_js(f"google.colab.kernel.proxyPort({port})"))
    return "Colab's proxy", _colab[port]


def _by_hub(port: int, env: Mapping[str, str]) -> Place | None:
    prefix = env.get("JUPYTERHUB_SERVICE_PREFIX")
    return ("JupyterHub, by jupyter-server-proxy", f"{prefix.rstrip('/')}/proxy/{port}") if prefix else None


def _by_jupyter(port: int, env: Mapping[str, str]) -> Place | None:
    """Return the proxy of the Jupyter server that started this kernel, if it has a base url or a public host."""
    facts = _jupyter_server(env.get("JPY_PARENT_PID", ""))
    base = str(facts.get("base_url") or "/")
    host = str(facts.get("hostname") or "localhost")
    if base == "/" and host in ("localhost", "127.0.0.1", "::1"):
        return None
    return "jupyter-server-proxy", f"{base.rstrip('/')}/proxy/{port}"


def _jupyter_server(pid: str) -> dict[str, Any]:
    """Return the contents of the file that a Jupyter server writes at its start, and `list_running_servers` reads."""
    if not pid.isdigit():
        return {}
    import json
    from pathlib import Path

    from jupyter_core.paths import jupyter_runtime_dir

    try:
        found = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _by_codespaces(port: int, env: Mapping[str, str]) -> Place | None:
    name, domain = env.get("CODESPACE_NAME"), env.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    return ("Codespaces' forwarded port", f"https://{name}-{port}.{domain}") if name else None


def _by_vscode(port: int, env: Mapping[str, str]) -> Place | None:
    template = env.get("VSCODE_PROXY_URI", "")
    # `{{host}}` is the host of the page, which the kernel cannot find out.
    if "{{port}}" not in template or "{{host}}" in template:
        return None
    return "VS Code's proxy", template.replace("{{port}}", str(port))


_WAYS: tuple[Callable[[int, Mapping[str, str]], Place | None], ...] = (
    _by_setting,
    _by_colab,
    _by_hub,
    _by_jupyter,
    _by_codespaces,
    _by_vscode,
)


def _is_secure(server: Any) -> bool:
    from zefnb.engine.runtime import default_runtime
    from zefnb.net.http.servers import Servers

    running = default_runtime().service(Servers).find(server)
    return running is not None and running.is_secure
