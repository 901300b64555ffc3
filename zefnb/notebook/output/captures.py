"""Captures: `with out:` in a handler, for an `Output` widget of ipywidgets.

The widget makes the front end capture the output of the running cell. A handler belongs to another cell, or to one that
has ended, so this module adds the output of such a block to the widget directly.
"""

from __future__ import annotations

import contextvars
import sys
from typing import Any

from zefnb.notebook.output.handlers import handlers_cell

# The widgets whose blocks a handler is in, the innermost last.
_capturing: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("zefnb_capturing", default=())


def capturing() -> Any:
    """Return the widget that captures the output of this handler; `None` outside of such a block."""
    widgets = _capturing.get()
    return widgets[-1] if widgets else None


class Captures:
    """Patches the `Output` widget for handlers, once the user's code has loaded ipywidgets."""

    def __init__(self) -> None:
        self._plain: dict[str, Any] = {}

    def open(self, result: Any = None) -> None:
        """Patch the widget if ipywidgets is loaded. Can be called again."""
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
            # An error propagates to the handler, and from there into the journal.
            return None

        output.__enter__, output.__exit__ = begin, end

    def close(self) -> None:
        """Restore the widget's methods."""
        if self._plain:
            output: Any = sys.modules["ipywidgets"].Output
            for name, plain in self._plain.items():
                setattr(output, name, plain)
            self._plain = {}
