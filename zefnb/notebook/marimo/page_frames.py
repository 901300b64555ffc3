"""The pages of servers in marimo: frames under the cells that start the servers."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any
from weakref import WeakValueDictionary

from zefnb.core import marimo
from zefnb.core.entity import Entity
from zefnb.engine import page_view
from zefnb.engine.page_view import PageView

# By the uid of the server.
_frames: WeakValueDictionary[str, Any] = WeakValueDictionary()


def frame_of(server: Entity) -> Any:
    """Return the frame that shows the pages of a server, or `None`."""
    return _frames.get(str(server._uid))


def _show(view: PageView) -> None:
    if marimo.context() is None or find_spec("anywidget") is None:
        return
    from zefnb.notebook.widgets.page_frame import page_frame

    _frames[str(view.server._uid)] = frame = page_frame(view)
    # A cell whose last line is an assignment has no other output. That of other cells replaces this one.
    import_module("marimo").output.append(frame)


class PageFrames:
    """The frames in all marimo notebooks of this process."""

    def open(self) -> None:
        """Show pages."""
        page_view.set_display(_show)

    def close(self) -> None:
        """Show no pages."""
        page_view.set_display(None)
