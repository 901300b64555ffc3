"""The running cell of a marimo notebook. marimo is never imported here: the functions check whether it is loaded.

marimo has no public function for the id of the running cell, so this module reads the context of the runtime. It is
the only one that uses the names in it. In `marimo run` each visitor has a session, with cells of its own and a
context of its own thread; all of them are in one process.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

_SESSION, _TOKEN = "_zefnb_session", "_zefnb_token"
_sessions = itertools.count(1)
_contexts: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()

# Called with the name of a cell when it begins to use zefnb in an execution.
on_run: list[Callable[[str], None]] = []


class Place(NamedTuple):
    """The place of a cell's output: the stream to the page, and marimo's own id of the cell."""

    stream: Any
    cell: str


def context() -> Any:
    """Return the context of the marimo notebook that this thread runs, or `None`."""
    marimo = sys.modules.get("marimo")
    types = sys.modules.get("marimo._runtime.context.types")
    if marimo is None or types is None:
        return None
    # Both are absent while another thread imports marimo. A script that marimo made has a context, but no page.
    running = getattr(types, "safe_get_context", _nothing)()
    if running is None or not getattr(marimo, "running_in_notebook", _nothing)():
        return None
    return running


def _nothing() -> None:
    return None


def _is_extra_thread() -> bool:
    """Whether this is a `marimo.Thread`, which has a copy of the context, and continues after its cell."""
    try:
        sys.modules["marimo"].current_thread()
    except RuntimeError:
        return False
    return True


def running_cell() -> tuple[str, object] | None:
    """Return the name of the cell that this thread runs, and a token of this execution; `None` outside of cells."""
    running = context()
    execution = getattr(running, "execution_context", None)
    if execution is None or _is_extra_thread():
        return None
    attributes = vars(running)
    if _SESSION not in attributes:
        attributes[_SESSION] = str(next(_sessions))
        _contexts[attributes[_SESSION]] = running
    name = f"{attributes[_SESSION]}/{execution.cell_id}"
    if _TOKEN not in vars(execution):
        vars(execution)[_TOKEN] = object()
        for call in on_run:
            call(name)
    return name, vars(execution)[_TOKEN]


def place_of(cell: str) -> Place | None:
    """Return the place of the output of a cell; `None` if its session has ended, or it is not a cell of marimo."""
    session, _, name = cell.partition("/")
    found = _contexts.get(session)
    return Place(found.stream, name) if found is not None and name else None
