"""`%%zef on TOPIC`"""

from __future__ import annotations

import argparse
import ast
import symtable
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.execution import cell_number
from zefnb.core.function import ZefFunction
from zefnb.errors import NotRunning
from zefnb.notebook.command_line.command import Command, Context, Parser, topic
from zefnb.notebook.command_line.line import LineError

_FUNCTION = "__zef_on__"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)

# The subscriptions of `%%zef on` and `%zef tail` by topic, which `%zef off` ends.
_listening: dict[Any, list[Any]] = {}


class On(Command):
    """Run the cell for each message of a topic, as `msg`. All other names are those of the notebook.

    The cell runs in another thread, or on the loop if it awaits. If the value of its last line is an effect or a
    list of effects, that is performed. Output and errors appear under the cell. Running it again replaces it;
    %zef off TOPIC ends it."""

    name = "on"
    in_line = False
    in_cell = True

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("topic", type=topic, help="the name of the topic, or of a variable with it")

    def run(self, given: argparse.Namespace, context: Context) -> None:
        target = context.topic(given.topic)
        function = compiled(context.shell, given.cell, f"%%zef on {given.topic}")
        result = context.run(FX.SubscribeFX(topic=target, op=ZefFunction(function)))
        remember(target, result.subscription)


def remember(target: Any, subscription: Any) -> None:
    """Register `subscription` for `%zef off`."""
    _listening.setdefault(target, []).append(subscription)


def end(target: Any, context: Context) -> int:
    """End the registered subscriptions to `target`. Return their number."""
    ended = 0
    for subscription in _listening.pop(target, []):
        try:
            context.run(FX.Unsubscribe(subscription=subscription))
            ended += 1
        except NotRunning:
            continue  # a later run of its cell has replaced it
    return ended


def known() -> list[str]:
    """Return the names of the topics with registered subscriptions."""
    return [str(target._uid) for target in _listening]


def compiled(shell: Any, source: str, name: str) -> Any:
    """Compile the cell to a function of `msg`, whose other names are the user's. It runs for each message.

    Cells on two topics can run at the same time, so `msg` is an argument and not a name of the user.
    """
    code = shell.transform_cell(source)
    filename = shell.compile.cache(code, cell_number(shell), raw_code=source)
    try:
        tree = ast.parse(code, filename)
        assigned = symtable.symtable(code, filename, "exec").get_symbols()
        names = sorted(s.get_name() for s in assigned if (s.is_assigned() or s.is_imported()) and s.get_name() != "msg")
        exec(compile(_as_function(tree, names), filename, "exec"), shell.user_ns)
    except SyntaxError as error:
        raise LineError(f"line {error.lineno} of the cell: {error.msg}") from None
    function = shell.user_ns.pop(_FUNCTION)
    function.__name__ = function.__qualname__ = name
    return function


def _as_function(tree: ast.Module, names: list[str]) -> ast.Module:
    body: list[ast.stmt] = [ast.Global(names=names)] if names else []
    body += tree.body or [ast.Pass()]
    last = body[-1]
    if isinstance(last, ast.Expr):
        body[-1] = ast.copy_location(ast.Return(value=last.value), last)
    kind = "async def" if _awaits(tree) else "def"
    module = ast.parse(f"{kind} {_FUNCTION}(msg): pass")
    function: Any = module.body[0]
    function.body = body
    return ast.fix_missing_locations(module)


def _awaits(tree: ast.AST) -> bool:
    """Whether the cell awaits outside of the functions in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if not isinstance(node, _SCOPES) and _awaits(node):
            return True
    return False


COMMAND = On()
