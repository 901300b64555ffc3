"""Hints: a line under a cell whose code probably does not do what its author meant."""

from __future__ import annotations

import ast
import sys
from typing import Any

# The beginnings of Python's own error texts for `topic | map(function)`, where the builtin `map` gets one argument.
_PYTHONS_OWN = {"map() must have at least two arguments": "map", "filter expected 2 arguments, got 1": "filter"}

_ACTORS = ", or give it to a route as `actor=`"


class Hints:
    """Checks each cell after it has run."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def open(self) -> None:
        """Register the check."""
        self._shell.events.register("post_run_cell", self._ran)

    def close(self) -> None:
        """Remove the check."""
        if self._ran in self._shell.events.callbacks["post_run_cell"]:
            self._shell.events.unregister("post_run_cell", self._ran)

    def _ran(self, result: Any) -> None:
        error = result.error_in_exec
        if error is not None:
            hint = about_error(error)
        else:
            hint = about_effects(str(result.info.raw_cell), self._shell.user_ns) if result.success else ""
        if hint:
            print(hint, file=sys.stdout if error is None else sys.stderr)


def about_error(error: BaseException) -> str:
    """Return a hint on the op where the error comes from Python's own `map` or `filter`, else an empty text."""
    if type(error) is not TypeError:
        return ""
    text = str(error)
    name = next((name for start, name in _PYTHONS_OWN.items() if text.startswith(start)), "")
    if not name:
        return ""
    from zefnb.core.op import op_for

    return f"In a chain `{name}` is Python's own: {op_for(name)}."


def about_effects(source: str, names: dict[str, Any]) -> str:
    """Return a hint for a cell that bound names to effects and performed none, else an empty text."""
    if "FX." not in source:
        return ""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        # Magics are not Python, so it is unclear whether they perform the effects.
        return ""
    if any(isinstance(node, ast.Await) or _is_run(node) for each in statements for node in ast.walk(each)):
        return ""
    from zefnb.core.effect import NOT_RUN, Effect

    given = [name for each in statements for name in _targets(each) if isinstance(names.get(name), Effect)]
    if not given or not _ends_with_a_name(statements):
        return ""
    described = ", ".join(f"`{name}` describes {type(names[name])!r}" for name in dict.fromkeys(given))
    is_actor = all(type(names[name]).__name__ == "StartActor" for name in given)
    return f"{described}; {NOT_RUN}{_ACTORS if is_actor else ''}"


def _is_run(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "run") or (isinstance(node, ast.Attribute) and node.attr == "run")


def _targets(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _ends_with_a_name(statements: list[ast.stmt]) -> bool:
    """Whether the last statement is an assignment, so that the cell displays no value."""
    return isinstance(statements[-1], ast.Assign | ast.AnnAssign)
