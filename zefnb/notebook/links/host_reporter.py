"""A widget without a view: a page that knows of it tells by which name it is reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from zefnb.notebook.widgets.child_models import close_child_models


class HostReporter(anywidget.AnyWidget):
    """Never displayed: that there is one is enough for a page to run its script."""

    _esm = Path(__file__).parents[1] / "static" / "herald" / "herald.js"

    def __init__(self, on_host: Callable[[Any], None]) -> None:
        super().__init__()
        self._on_host = on_host
        self.on_msg(self._told)

    def _told(self, widget: Any, content: Any, buffers: Any) -> None:
        self._on_host(content)

    def close(self) -> None:
        """Listen no more."""
        close_child_models(self)
        super().close()
