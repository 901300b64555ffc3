"""Captures: `with out:` in a handler, for an `Output` widget of ipywidgets.

The widget itself has the front end capture what the running cell shows. A handler is of another cell, or of one that
has long ended, so what it shows in such a block is put into the widget directly.
"""

from __future__ import annotations

import contextvars
import sys
from typing import Any

from zefnb.notebook.output.handlers import handlers_cell

# The widgets whose blocks a handler is in, the innermost last.
_capturing: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("zefnb_capturing", default=())


def capturing() -> Any:
    """The widget that gets what is shown here; `None` outside of handlers and of such blocks."""
    widgets = _capturing.get()
    return widgets[-1] if widgets else None


class Captures:
    """Whether the `Output` widget knows of handlers. It is loaded when somebody uses it, and not by us."""

    def __init__(self) -> None:
        self._plain: dict[str, Any] = {}

    def open(self, result: Any = None) -> None:
        """Teach it, if it is loaded by now. May be repeated."""
        output = getattr(sys.modules.get("ipywidgets"), "Output", None)
        if output is None or self._plain:
            return
        self._plain = {name: getattr(output, name) for name in ("__enter__", "__exit__")}
        enter, leave = self._plain.values()

        def begin(widget: Any) -> Any:
            if handlers_cell() is None:
                return enter(widget)
            _capturing.set((*_capturing.get(), widget))
            return None

        def end(widget: Any, *error: Any) -> Any:
            if capturing() is not widget:
                return leave(widget, *error)
            sys.stdout.flush()
            sys.stderr.flush()
            _capturing.set(_capturing.get()[:-1])
            # An error is the handler's, and the journal's.
            return None

        output.__enter__, output.__exit__ = begin, end

    def close(self) -> None:
        """Leave it as it was."""
        if self._plain:
            output: Any = sys.modules["ipywidgets"].Output
            for name, plain in self._plain.items():
                setattr(output, name, plain)
            self._plain = {}
