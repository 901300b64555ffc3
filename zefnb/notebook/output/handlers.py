"""Handlers: the cell to which the output of the running handler belongs."""

from __future__ import annotations

import sys
from typing import Any

from zefnb.engine.cells import current_owner, current_server


def runtime() -> Any:
    """Return the default runtime if there is one, without starting it."""
    # A thread of the `Preloader` can be importing the module, which then has no `_default` yet.
    return getattr(sys.modules.get("zefnb.engine.runtime"), "_default", None)


def handlers_cell() -> str | None:
    """Return the cell of the handler that runs here; `None` outside of handlers, and for an unknown cell."""
    if current_owner.get() is None and current_server.get() is None:
        return None
    running = runtime()
    cell: str | None = running.cells.current_cell() if running is not None else None
    return cell
