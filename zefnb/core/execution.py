"""Which cell is running: what lets a cell that runs again replace what it made before.

A cell is known by the id its front end sends, or else by its source. Nothing here imports IPython;
it is asked only when it is already loaded. Scripts, threads and handlers have no cell.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple


class Execution(NamedTuple):
    """One execution of one cell: `token` differs between executions, `cell` does not."""

    cell: str
    token: object


class Identity(NamedTuple):
    """What a definition or a started thing is known by, and the execution that made it."""

    key: tuple[object, ...]
    token: object


# For each cell: its latest execution, and how many of each kind that one made.
_counts: dict[str, tuple[object, dict[object, int]]] = {}


def current_execution() -> Execution | None:
    """The cell that the main thread is running, `None` outside a notebook or IPython."""
    if threading.current_thread() is not threading.main_thread():
        return None
    shell = interactive_shell()
    if shell is None:
        return None
    parent = _kernel_request(shell)
    if parent is not None:
        return parent
    history = shell.user_ns.get("In") or [""]
    return Execution(cell=str(history[-1]), token=shell.execution_count)


def interactive_shell() -> Any:
    """The running IPython shell, if there is one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None


def _kernel_request(shell: Any) -> Execution | None:
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    request = kernel.get_parent()
    if not request or request.get("msg_type", request.get("header", {}).get("msg_type")) != "execute_request":
        return None
    cell = request.get("metadata", {}).get("cellId") or request.get("content", {}).get("code", "")
    return Execution(cell=str(cell), token=request["header"]["msg_id"])


def ordinal(execution: Execution, kind: object) -> int:
    """How many of `kind` this execution made before: 0, 1, 2..."""
    token, counts = _counts.get(execution.cell, (None, {}))
    if token != execution.token:
        counts = {}
        _counts[execution.cell] = (execution.token, counts)
    counts[kind] = counts.get(kind, -1) + 1
    return counts[kind]


def thing_key(kind: str) -> Identity | None:
    """What the next thing of `kind` that the running cell starts is known by."""
    execution = current_execution()
    if execution is None:
        return None
    return Identity((execution.cell, kind, ordinal(execution, kind)), execution.token)


def definition_key(function: Callable[..., Any]) -> Identity | None:
    """What a function definition is known by; `None` for what is never swapped."""
    name = getattr(function, "__qualname__", "")
    if not name or "<locals>" in name or "<lambda>" in name:
        return None
    module = getattr(function, "__module__", None)
    if module != "__main__":
        # A reload gives the module a new spec; one execution keeps its own.
        spec = getattr(function, "__globals__", {}).get("__spec__")
        # The id tells equal specs apart; the spec beside it lives on, so that its id is not given away.
        execution = Execution(f"module {module}", (id(spec), spec))
        return Identity(("module", module, name, ordinal(execution, name)), execution.token)
    shell = interactive_shell()
    cell = current_execution()
    if cell is not None and getattr(shell, "kernel", None) is not None:
        return Identity(("cell", cell.cell, name, ordinal(cell, name)), cell.token)
    typed = _typed_input(shell, function)
    if typed is None:
        return None
    return Identity(("repl", module, name, ordinal(typed, name)), typed.token)


def _typed_input(shell: Any, function: Callable[..., Any]) -> Execution | None:
    """What was typed last at a prompt, whatever its source: there a definition is known by its name."""
    if shell is not None:
        return Execution("repl", shell.execution_count)
    if not hasattr(sys, "ps1"):
        return None
    frame: FrameType | None = sys._getframe()
    while frame is not None and (frame.f_code.co_name != "<module>" or frame.f_globals is not function.__globals__):
        frame = frame.f_back
    # Each statement is compiled by itself. Equal code is equal, so its id tells statements apart.
    return Execution("repl", (id(frame.f_code), frame.f_code)) if frame is not None else None
