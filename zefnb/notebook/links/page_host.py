"""The address by which the notebook's page is reached: only the page knows it, so the page is asked.

Behind a hub's proxy the browser's Host and Origin arrive here unchanged, and a server lets in those alone
that it knows. What a page says of itself comes by the kernel's authenticated channel, and may be believed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from zefnb.engine.runtime import default_runtime
from zefnb.notebook.links.links import is_on_page_host

_LONGEST_NAME = 260


def on_host(runtime: Any, content: Any) -> None:
    """A page has said by which host and origin it is reached: from now on servers let in what comes from there."""
    given = content if isinstance(content, dict) else {}
    host, origin = str(given.get("host", "")), str(given.get("origin", ""))
    if not all(0 < len(name) < _LONGEST_NAME for name in (host, origin)) or origin == "null":
        return
    if runtime.is_alive:
        from zefnb.net.http.servers import Servers

        runtime.call_queue.put(lambda: runtime.service(Servers).allow_public(host, origin))


class Address:
    """Asks the pages of a kernel whose servers are reached on the pages' own host."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._widget: Any = None

    def open(self) -> None:
        """Ask when the cell that runs has ended."""
        if getattr(self._shell, "kernel", None) is not None and is_on_page_host():
            self._shell.events.register("post_run_cell", self._ask)

    def close(self) -> None:
        """Ask no more."""
        if self._ask in self._shell.events.callbacks["post_run_cell"]:
            self._shell.events.unregister("post_run_cell", self._ask)
        if self._widget is not None:
            self._widget.close()

    def _ask(self, result: Any = None) -> None:
        self._shell.events.unregister("post_run_cell", self._ask)
        if find_spec("anywidget") is not None:
            from zefnb.notebook.links.host_reporter import HostReporter

            self._widget = HostReporter(lambda content: on_host(default_runtime(), content))
