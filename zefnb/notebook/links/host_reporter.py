"""A widget without a view, whose script reports the host and the origin of the notebook's page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from zefnb.notebook.widgets.child_models import close_child_models


class HostReporter(anywidget.AnyWidget):
    """Is never displayed: a page runs the script of each widget model that exists."""

    _esm = Path(__file__).parents[1] / "static" / "host_reporter" / "host_reporter.js"

    def __init__(self, on_host: Callable[[Any], None]) -> None:
        super().__init__()
        self._on_host = on_host
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        self._on_host(content)

    def close(self) -> None:
        """Close the widget and its child models."""
        close_child_models(self)
        super().close()
