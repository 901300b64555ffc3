"""The picture as a widget of the notebook; its JavaScript is in `static/picture`."""

from __future__ import annotations

from zefnb.engine.runtime import Runtime
from zefnb.notebook.overview import on_loop
from zefnb.notebook.picture.diagram import Diagram
from zefnb.notebook.picture.feed import PictureFeed
from zefnb.notebook.picture.image import saved_svg
from zefnb.notebook.picture.session import PictureSession
from zefnb.notebook.picture.terminal import plain_text
from zefnb.notebook.watch.live_widget import CHANNEL_PARTS, STATIC, LiveWidget, joined

_PARTS = ("watch/frames", "watch/detail", "picture/dagre.min", "picture/pack", "picture/layout")
_OWN_PARTS = ("picture/boxes", "picture/panel", "picture/main")


def script() -> str:
    """Return the widget's JavaScript as one module."""
    return joined(*CHANNEL_PARTS, *_PARTS, *_OWN_PARTS)


def style() -> str:
    """Return the widget's style sheet."""
    return "\n".join((STATIC / path).read_text("utf-8") for path in ("watch/watch.css", "picture/picture.css"))


class LivePicture(LiveWidget):
    """A live picture. `picture` creates it, and `close()` ends it."""

    noun = "picture"
    _esm = script()
    _css = style()

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, "picture", lambda send, ready: PictureSession(runtime, send))

    def _saved(self) -> dict[str, str]:
        """Return the picture of now as an image and as text."""
        diagram = on_loop(self._runtime, self._diagram) if self._runtime.is_alive else Diagram()
        return {"image/svg+xml": saved_svg(diagram), "text/plain": plain_text(diagram)}

    def _diagram(self) -> Diagram:
        feed = self._runtime.service(PictureFeed)
        feed.renew()
        return feed.diagram
