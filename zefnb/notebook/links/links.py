"""Links: under which url a browser reaches a server of ours, wherever the notebook runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from zefnb.errors import FieldError, InvalidValue
from zefnb.text.controls import strip_controls

Place = tuple[str, str]

_explicit: str | None = None
_colab: dict[int, str] = {}


class Link(str):
    """A url, or a path on the notebook's own host: text, which a notebook shows as a link (a WebSocket's, to copy)."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from zefnb.notebook.display import html

        return html.page(html.address(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def set_public_url(url: str | None) -> None:
    """Say where servers are reached: a url with `{port}`, such as 'https://hub.example/proxy/{port}'.

    `None` takes it back. The environment variable `ZEFNB_PUBLIC_URL` does the same from outside.
    """
    global _explicit
    if url is not None and not url.startswith(("http://", "https://", "/")):
        raise InvalidValue(
            "set_public_url", [FieldError("url", f"got {url!r}", "'https://host/proxy/{port}', or a path")]
        )
    _explicit = url


def public_url(server: Any, path: str = "/", websocket: bool = False) -> Link:
    """The url under which a browser reaches `path` of `server`, by the place where this runs.

    Under a hub the public host is not known here: it is a path then, right on the page that shows it.

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
    """A character of a path as it may stand in a link, wherever that is shown."""
    is_unsafe = character.isspace() or character in '<>"' or strip_controls(character) != character
    return quote(character, errors="replace") if is_unsafe else character


def is_on_page_host() -> bool:
    """Whether links here are paths on the host of the page that shows them, which only the page knows."""
    # Colab would be asked for a port of its own, and answers whole urls anyway.
    return "google.colab.output" not in sys.modules and _base(0)[1].startswith("/")


def reached_by(port: int) -> str:
    """How links to that port are made here, in a few words."""
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
        # Asks the page, once for each port.
        _colab[port] = str(output.eval_js(f"google.colab.kernel.proxyPort({port})"))
    return "Colab's proxy", _colab[port]


def _by_hub(port: int, env: Mapping[str, str]) -> Place | None:
    prefix = env.get("JUPYTERHUB_SERVICE_PREFIX")
    return ("JupyterHub, by jupyter-server-proxy", f"{prefix.rstrip('/')}/proxy/{port}") if prefix else None


def _by_jupyter(port: int, env: Mapping[str, str]) -> Place | None:
    """The Jupyter server that started this kernel: under a base url, or from elsewhere, through its proxy."""
    facts = _jupyter_server(env.get("JPY_PARENT_PID", ""))
    base = str(facts.get("base_url") or "/")
    host = str(facts.get("hostname") or "localhost")
    if base == "/" and host in ("localhost", "127.0.0.1", "::1"):
        return None
    return "jupyter-server-proxy", f"{base.rstrip('/')}/proxy/{port}"


def _jupyter_server(pid: str) -> dict[str, Any]:
    """What the server wrote down about itself when it started; this is what `list_running_servers` reads."""
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
    # The one host that a template may ask for is that of the page, which is not known here.
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
