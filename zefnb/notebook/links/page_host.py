"""The public host of the notebook's page, which only the page can report.

Behind a hub's proxy, requests arrive with the Host and the Origin of the browser, and a server accepts only those that
are on its list. A page reports its own through the kernel's authenticated channel, so the report can be trusted.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from zefnb.engine.runtime import default_runtime
from zefnb.notebook.links.links import is_on_page_host

_LONGEST_NAME = 260


def on_host(runtime: Any, content: Any) -> None:
    """Make all servers accept requests with the host and the origin that a page has reported."""
    given = content if isinstance(content, dict) else {}
    host, origin = str(given.get("host", "")), str(given.get("origin", ""))
    if not all(0 < len(name) < _LONGEST_NAME for name in (host, origin)) or origin == "null":
        return
    if runtime.is_alive:
        from zefnb.net.http.servers import Servers

        runtime.call_queue.put(lambda: runtime.service(Servers).allow_public(host, origin))


class Address:
    """Requests the host from the pages of a kernel, where the links are paths on the host of the page."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._widget: Any = None

    def open(self) -> None:
        """Request the host when the running cell has ended."""
        if getattr(self._shell, "kernel", None) is not None and is_on_page_host():
            self._shell.events.register("post_run_cell", self._ask)

    def close(self) -> None:
        """Cancel the request, and close the widget."""
        if self._ask in self._shell.events.callbacks["post_run_cell"]:
            self._shell.events.unregister("post_run_cell", self._ask)
        if self._widget is not None:
            self._widget.close()

    def _ask(self, result: Any = None) -> None:
        self._shell.events.unregister("post_run_cell", self._ask)
        if find_spec("anywidget") is not None:
            from zefnb.notebook.links.host_reporter import HostReporter

            self._widget = HostReporter(lambda content: on_host(default_runtime(), content))
