"""Replaces the widget that an earlier execution of the same cell displayed."""

from __future__ import annotations

from typing import Protocol, TypeVar

from zefnb.core.execution import next_identity
from zefnb.engine.cells import current_identity
from zefnb.engine.runtime import Runtime


class Closable(Protocol):
    """A widget that can replace the previous one of its cell."""

    def close(self) -> None:
        """Close the widget."""


W = TypeVar("W", bound=Closable)


def replace_previous(runtime: Runtime, widget: W, what: str) -> W:
    """Register `widget` for the running cell, close the previous one of an earlier execution, and return `widget`."""
    identity = current_identity.set(next_identity(what))
    try:
        old = runtime.cells.previous()
        runtime.cells.record(widget)
    finally:
        current_identity.reset(identity)
    if old is not None:
        old.close()
        print(f"replaced the {what} that this cell showed before")
    return widget
