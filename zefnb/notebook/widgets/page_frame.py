"""The pages of a server in a frame, under the cell that started it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from zefnb.core.uid import generate_uid
from zefnb.engine.page_view import PageView
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.net.frame_key import FrameKey
from zefnb.notebook.display import html
from zefnb.notebook.links import page_host
from zefnb.notebook.links.links import Link, public_url
from zefnb.notebook.widgets.child_models import close_child_models
from zefnb.notebook.widgets.replace_previous import replace_previous


class PageFrame(anywidget.AnyWidget):
    """Shows the pages at the addresses under which this browser reaches the server."""

    _esm = Path(__file__).parents[1] / "static" / "page_frame" / "page_frame.js"
    # The link and the title of each page.
    pages: Any = traitlets.List().tag(sync=True)

    def __init__(self, runtime: Runtime, view: PageView) -> None:
        self._runtime = runtime
        self._uid = generate_uid()
        links = [[str(public_url(view.server, path)), title] for path, title in view.pages]
        super().__init__(pages=links)
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        page_host.on_host(self._runtime, content)
        # Sent as a message, because a synced trait is saved with the notebook.
        self.send({"key": self._runtime.service(FrameKey).reveal()})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and the links for pages without a kernel."""
        given = super()._repr_mimebundle_(**options)
        data, metadata = given if isinstance(given, tuple) else (given, {})
        links = [link for link, _ in self.pages]
        shown = html.page(*(html.tag("div", html.address(Link(link))) for link in links))
        return {**(data or {}), "text/html": shown, "text/plain": "\n".join(links)}, metadata or {}

    def close(self) -> None:
        """Remove the widget from the page."""
        self._runtime.cells.forget(self)
        close_child_models(self)
        super().close()


def page_frame(view: PageView) -> PageFrame:
    """Return the frame of the pages of a server, which replaces the previous one of the running cell."""
    runtime = default_runtime()
    return replace_previous(runtime, PageFrame(runtime, view), "page")


def show_pages(view: PageView) -> None:
    """Display the pages under the running cell."""
    from IPython.display import display

    display(page_frame(view))  # type: ignore[no-untyped-call]
