"""A chat client as a widget, which connects to the server from the browser, as any page does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from zefnb.core.uid import generate_uid
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.notebook.display import html
from zefnb.notebook.links import page_host as address
from zefnb.notebook.widgets.child_models import close_child_models
from zefnb.notebook.widgets.replace_previous import replace_previous

_STATIC = Path(__file__).parents[1] / "static" / "client"


class ChatClient(anywidget.AnyWidget):
    """One client under the cell. It connects to `url`, which is absolute or a path on the page's host."""

    _esm = _STATIC / "client.js"
    _css = _STATIC / "client.css"
    url = traitlets.Unicode().tag(sync=True)

    def __init__(self, runtime: Runtime, url: str) -> None:
        self._runtime = runtime
        # A uid, as handles have one: the registry of cells identifies the widget by it.
        self._uid = generate_uid()
        super().__init__(url=url)
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        address.on_host(self._runtime, content)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and the url for pages without a kernel."""
        given = super()._repr_mimebundle_(**options)
        data, metadata = given if isinstance(given, tuple) else (given, {})
        text = f"a chat client of {self.url}"
        return {**(data or {}), "text/html": html.page(text), "text/plain": text}, metadata or {}

    def close(self) -> None:
        """Disconnect, and remove the widget from the page."""
        self._runtime.cells.forget(self)
        close_child_models(self)
        super().close()


def shown_client(server: Any, url: str) -> ChatClient:
    """Return a client for the running cell, which replaces the cell's previous one."""
    runtime = default_runtime()
    return replace_previous(runtime, ChatClient(runtime, url), "chat client")
