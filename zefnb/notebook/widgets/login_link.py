"""The link to a server with `auth='token'`, under the cell that started it. The saved notebook does not contain it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

from zefnb.core.uid import generate_uid
from zefnb.engine.private_link import PrivateLink
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.notebook.display import html
from zefnb.notebook.links import page_host
from zefnb.notebook.links.links import public_url
from zefnb.notebook.widgets.child_models import close_child_models
from zefnb.notebook.widgets.replace_previous import replace_previous


class LoginLink(anywidget.AnyWidget):
    """Sends the link to the first view that requests it, and to no other. Its state does not contain the link."""

    _esm = Path(__file__).parents[1] / "static" / "login_link" / "login_link.js"

    def __init__(self, runtime: Runtime, link: PrivateLink) -> None:
        self._runtime = runtime
        self._uid = generate_uid()
        self._link: PrivateLink | None = link
        self._text = f"A page of this notebook shows here the link to log in to {public_url(link.server)}"
        super().__init__()
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        page_host.on_host(self._runtime, content)
        link, self._link = self._link, None
        url = None if link is None else public_url(link.server).rstrip("/") + link.path
        self.send({"link": url})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and a text for pages without a kernel."""
        given = super()._repr_mimebundle_(**options)
        data, metadata = given if isinstance(given, tuple) else (given, {})
        return {**(data or {}), "text/html": html.page(self._text), "text/plain": self._text}, metadata or {}

    def close(self) -> None:
        """Remove the widget from the page."""
        self._runtime.cells.forget(self)
        close_child_models(self)
        super().close()


def show_login_link(link: PrivateLink) -> None:
    """Display the link under the running cell."""
    from IPython.display import display

    runtime = default_runtime()
    display(replace_previous(runtime, LoginLink(runtime, link), "link"))  # type: ignore[no-untyped-call]
