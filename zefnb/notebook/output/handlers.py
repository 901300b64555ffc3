"""Handlers: whose runs here, and the cell that its output belongs to."""

from __future__ import annotations

import sys
from typing import Any

from zefnb.engine.cells import current_owner, current_server


def runtime() -> Any:
    """The default runtime, if there is one: looking must not start it."""
    # Another thread may be in the middle of importing it: see `Preloader`.
    return getattr(sys.modules.get("zefnb.engine.runtime"), "_default", None)


def handlers_cell() -> str | None:
    """The cell to which the handler that runs here belongs; `None` when none runs, or its cell is not known."""
    if current_owner.get() is None and current_server.get() is None:
        return None
    running = runtime()
    cell: str | None = running.cells.current_cell() if running is not None else None
    return cell
