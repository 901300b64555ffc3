"""Once: a widget that takes the place of the one which its cell showed before."""

from __future__ import annotations

from typing import Protocol, TypeVar

from zefnb.core.execution import thing_key
from zefnb.engine.cells import current_identity
from zefnb.engine.runtime import Runtime


class Closable(Protocol):
    """What can be shown once."""

    def close(self) -> None:
        """Show it no more."""


W = TypeVar("W", bound=Closable)


def replace_previous(runtime: Runtime, widget: W, what: str) -> W:
    """`widget`, for the running cell; what an earlier execution of the cell showed in its place is closed."""
    identity = current_identity.set(thing_key(what))
    try:
        old = runtime.cells.previous()
        runtime.cells.record(widget)
    finally:
        current_identity.reset(identity)
    if old is not None:
        old.close()
        print(f"replaced the {what} that this cell showed before")
    return widget
