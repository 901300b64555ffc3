"""The running cell: its identity, so that a cell that runs again replaces the objects it made before.

A cell is identified by the id from its front end, or else by its source. VS Code's interactive window makes a new cell
with a new id for each run, so its cells are identified by their source, and its functions by name, as at a prompt. This
module imports neither IPython nor marimo; it uses them only if they are already loaded. Scripts, threads and handlers
have no cell.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from zefnb.core import marimo


class Execution(NamedTuple):
    """One execution of one cell: `token` differs between executions, `cell` does not."""

    cell: str
    token: object


class Identity(NamedTuple):
    """The key of a definition or of a started object, and the execution that made it.

    `label` is what a front end shows beside the cell, such as `In [3]`, or an empty text.
    """

    key: tuple[object, ...]
    token: object
    label: str = ""


# For each cell: its latest execution, and how many objects of each kind that execution made.
_counts: dict[str, tuple[object, dict[object, int]]] = {}


def current_execution() -> Execution | None:
    """Return the cell that this thread runs, or `None` outside a notebook or IPython."""
    cell = marimo.running_cell()
    if cell is not None:
        return Execution(*cell)
    # marimo can run each of its notebooks in a thread; a kernel runs its cells in the main thread.
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
    """Return the running IPython shell, or `None`."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None


def is_in_notebook() -> bool:
    """Whether this thread belongs to a notebook, in a kernel or in marimo, so that its cells can show HTML."""
    return getattr(interactive_shell(), "kernel", None) is not None or marimo.context() is not None


def _kernel_request(shell: Any) -> Execution | None:
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    request = kernel.get_parent()
    if not request or request.get("msg_type", request.get("header", {}).get("msg_type")) != "execute_request":
        return None
    cell = _lasting_id(request) or request.get("content", {}).get("code", "")
    return Execution(cell=str(cell), token=request["header"]["msg_id"])


def _lasting_id(request: dict[str, Any]) -> str:
    """Return the id of the cell of a request, or an empty text if the cell has none, or a new one for each run."""
    cell = str(request.get("metadata", {}).get("cellId") or "")
    return "" if _is_interactive_window(cell) else cell


def _is_interactive_window(cell: str) -> bool:
    """Whether the id is of VS Code's interactive window: `vscode-notebook-cell:Interactive-1.interactive#W5s...`."""
    return cell.startswith("vscode-") and cell.partition("#")[0].endswith(".interactive")


def ordinal(execution: Execution, kind: object) -> int:
    """Return how many objects of `kind` this execution made before, and count one more."""
    token, counts = _counts.get(execution.cell, (None, {}))
    if token != execution.token:
        counts = {}
        _counts[execution.cell] = (execution.token, counts)
    counts[kind] = counts.get(kind, -1) + 1
    return counts[kind]


def next_identity(kind: str) -> Identity | None:
    """Return the identity of the next object of `kind` that the running cell starts, or `None` outside a cell."""
    execution = current_execution()
    if execution is None:
        return None
    return Identity((execution.cell, kind, ordinal(execution, kind)), execution.token, _label())


def _label() -> str:
    """Return the label of the running cell. The cells of marimo have none."""
    shell = interactive_shell() if marimo.running_cell() is None else None
    return "" if shell is None else f"In [{cell_number(shell)}]"


def cell_number(shell: Any) -> int:
    """Return the number of the running cell. `execution_count` has it in older versions of IPython alone."""
    return len(shell.history_manager.input_hist_parsed) - 1


def definition_key(function: Callable[..., Any]) -> Identity | None:
    """Return the identity of a function definition, or `None` if its code is never replaced."""
    name = getattr(function, "__qualname__", "")
    if not name or "<locals>" in name or "<lambda>" in name:
        return None
    module = getattr(function, "__module__", None)
    if module != "__main__":
        # Each reload gives the module a new spec.
        spec = getattr(function, "__globals__", {}).get("__spec__")
        # The id distinguishes equal specs; the reference keeps the spec alive, so that its id is not reused.
        execution = Execution(f"module {module}", (id(spec), spec))
        return Identity(("module", module, name, ordinal(execution, name)), execution.token)
    shell = interactive_shell()
    cell = current_execution()
    if cell is not None and is_in_notebook() and not _is_typed(shell):
        return Identity(("cell", cell.cell, name, ordinal(cell, name)), cell.token)
    typed = _typed_input(shell, function)
    if typed is None:
        return None
    return Identity(("repl", module, name, ordinal(typed, name)), typed.token)


def _is_typed(shell: Any) -> bool:
    kernel = getattr(shell, "kernel", None)
    request = kernel.get_parent() if kernel is not None else {}
    return _is_interactive_window(str(request.get("metadata", {}).get("cellId") or ""))


def _typed_input(shell: Any, function: Callable[..., Any]) -> Execution | None:
    """Return the last input where the name of a definition identifies it, as at a prompt, or `None` elsewhere."""
    if shell is not None:
        return Execution("repl", shell.execution_count)
    if not hasattr(sys, "ps1"):
        return None
    frame: FrameType | None = sys._getframe()
    while frame is not None and (frame.f_code.co_name != "<module>" or frame.f_globals is not function.__globals__):
        frame = frame.f_back
    # Each statement is compiled on its own. Equal code objects compare equal, so the id distinguishes statements.
    return Execution("repl", (id(frame.f_code), frame.f_code)) if frame is not None else None
