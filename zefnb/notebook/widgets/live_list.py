"""The last messages of a topic as a widget, which is drawn again when messages arrive."""

from __future__ import annotations

from collections import deque
from typing import Any

import ipywidgets  # type: ignore[import-untyped]

from zefnb.engine.runtime import default_runtime
from zefnb.notebook.display import html
from zefnb.notebook.widgets.child_models import close_child_models

_REFRESH_INTERVAL = 0.2


class LiveList(ipywidgets.HTML):  # type: ignore[misc]
    """A list of messages, which is drawn at most five times a second. Messages must be added on the loop."""

    def __init__(self, title: str, length: int) -> None:
        self._title = title
        self._lines: deque[str] = deque(maxlen=length)
        self._count = 0
        self._due = False
        self._closed = False
        super().__init__(self._drawn())

    def add(self, line: str) -> None:
        """Add a message."""
        self._lines.append(line)
        self._count += 1
        if not self._due and not self._closed:
            self._due = True
            default_runtime().loop.call_later(_REFRESH_INTERVAL, self._draw)

    def _draw(self) -> None:
        self._due = False
        if not self._closed:
            self.value = self._drawn()

    def _drawn(self) -> str:
        head = html.tag("div", html.tag("b", self._title), html.tag("span", f" · {self._count:,} messages", cls="d"))
        return html.page(head, *(html.tag("div", html.tag("code", line)) for line in self._lines))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and the messages until now for pages without a kernel."""
        text = f"the messages of {self._title}, live"
        return {**super()._repr_mimebundle_(**options), "text/html": self.value, "text/plain": text}

    def close(self) -> None:
        """Close the widget and its child models."""
        self._closed = True
        close_child_models(self)
        super().close()
