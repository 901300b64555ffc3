"""Behaviours: which handler handles a message, and how to read its result.

A behaviour is compiled when an actor, an endpoint or a subscription starts. All connections of an endpoint share one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from zefnb.core.copy_rules import PLAIN
from zefnb.core.effect import Effect
from zefnb.core.function import ZefFunction, as_handler, name_of
from zefnb.core.op import Op, as_chain, compile_chain
from zefnb.core.rules import Rule, RuleTable
from zefnb.engine.journal import Journal
from zefnb.errors import FieldError, InvalidEffect, InvalidValue, ZefError, shown
from zefnb.text.short_repr import short_repr

Result = tuple[Sequence[Effect], Any]
_LISTS = (list, tuple)


class InvalidResult(ZefError, TypeError):
    """A handler returned something other than `[effects, next state]`.

    Its text is made when it is read, which is not on the loop: the `__repr__` of the result may take time.
    """

    def __init__(self, subject: str, result: Any, allowed: str) -> None:
        super().__init__(subject, result, allowed)

    def __str__(self) -> str:
        subject, result, allowed = self.args
        return f"{subject} {shown(result)}; allowed: {allowed}"


class Behaviour(Protocol):
    """How an actor finds the handler of a message and reads its result."""

    inline: bool  # whether `transform` and `find` call only library code, and may run on the loop
    transform: Callable[[Any], Any] | None
    has_async: bool  # whether a handler is `async def`
    changes_messages: bool  # whether user code is called, which may change a mutable message
    handler: ZefFunction | None  # the handler of all messages; `None` if `find` chooses one

    def find(self, message: Any, state: Any) -> ZefFunction | None:
        """Return the handler for this message in this state, or `None`."""

    def read(self, result: Any, state: Any) -> Result:
        """Return the effects and the next state from a handler's result. Raises `InvalidResult` for a wrong type."""


def read_result(result: Any, state: Any = None, second: str = "next state") -> Result:
    """Return the effects and the `second` part of a handler's result.

    A single effect, or a nested list, is not a list of effects. Raises `InvalidResult`.
    """
    if not isinstance(result, _LISTS) or len(result) != 2:
        raise InvalidResult("returned", result, f"[list of effects, {second}]")
    effects = result[0]
    if not isinstance(effects, _LISTS):
        raise InvalidResult("the first part of the result is", effects, "a list of effects")
    for effect in effects:
        if not isinstance(effect, Effect):
            raise InvalidResult("the list of effects holds", effect, "FX.Something(...)")
    return effects, result[1]


class Rules:
    """A behaviour with rules or with one handler, which return `[effects, next state]`."""

    changes_messages = True
    read = staticmethod(read_result)

    def __init__(
        self, table: RuleTable | None, handler: ZefFunction | None, transform: Callable[[Any], Any] | None, inline: bool
    ) -> None:
        self.inline = inline
        self.transform = transform
        self.handler = handler
        self.find = table.find if table is not None else lambda message, state: handler
        self.handlers = table.handlers if table is not None else [handler]
        self.has_async = any(each is not None and each.is_async for each in self.handlers)
        # Only for texts: a handler without rules has none.
        self.rules = table.rules if table is not None else []


class OpBehaviour:
    """The behaviour of a subscribed op: it has no state, and the effects that it returns are performed."""

    def __init__(self, op: Any, effects: Callable[[Any], Sequence[Effect]]) -> None:
        self.transform: Callable[[Any], Any] | None = None
        self.inline = True
        self.has_async = False  # it has no state, for which this matters
        chain = as_chain(op)
        self.changes_messages = not chain.is_library_only
        # A single function is called through its own object, so that its redefinition applies to the subscription.
        function = op if isinstance(op, ZefFunction) else compile_chain(chain)
        self.handler: ZefFunction | None = _message_handler(function, chain)
        self._effects = effects

    def find(self, message: Any, state: Any) -> ZefFunction | None:
        return self.handler

    def read(self, result: Any, state: Any) -> Result:
        return self._effects(result), state


def _message_handler(function: Callable[[Any], Any], chain: Op) -> ZefFunction:
    """Return a handler that calls `function` with the message only."""
    # The journal shows this name.
    name = name_of(function) if isinstance(function, ZefFunction) else repr(chain)
    if isinstance(function, ZefFunction) and function.is_async:

        async def handle_async(message: Any, state: Any) -> Any:
            return await function(message)

        handle_async.__qualname__ = name
        return ZefFunction(handle_async)

    def handle(message: Any, state: Any) -> Any:
        return function(message)

    handle.__qualname__ = name
    return ZefFunction(handle, inline=chain.inline)


def effects_in(result: Any) -> Sequence[Effect]:
    """Return the effects that a subscribed op returned: one, a list of them, or none."""
    if type(result) in PLAIN:
        return ()
    if isinstance(result, Effect):
        return (result,)
    if isinstance(result, _LISTS) and result and all(isinstance(item, Effect) for item in result):
        return result
    return ()


def compile_behaviour(
    journal: Journal,
    *,
    rules: Mapping[Any, Any] | Sequence[Any] | None = None,
    handler: Any = None,
    input_transform: Any = None,
    **_: Any,
) -> Rules:
    """Return the behaviour for the fields of `FX.StartActor`. Raises `InvalidEffect` with every mistake in them."""
    faults: list[FieldError] = []
    if (rules is None) == (handler is None):
        given = "both `rules` and `handler`" if rules is not None else "neither `rules` nor `handler`"
        faults.append(FieldError("rules", f"got {given}", "exactly one of the two"))

    def report(rule: Rule, error: BaseException) -> None:
        text = f"the predicate of rule ({short_repr(rule.message)}, {short_repr(rule.state)}) failed"
        journal.exception(text, error)

    table = function = None
    try:
        table = RuleTable(rules, report) if rules is not None else None
        function = as_handler(handler, "FX.StartActor", "handler") if handler is not None else None
        chain = as_chain(input_transform) if input_transform is not None else None
    except InvalidValue as error:
        faults.extend(error.faults)
    if faults:
        raise InvalidEffect("FX.StartActor", faults)
    inline = (table is None or table.inline) and (chain is None or chain.inline)
    return Rules(table, function, compile_chain(chain) if chain is not None else None, inline)


def handler_name(handler: ZefFunction | None) -> str:
    """Return the name of a handler for the journal."""
    return name_of(handler) if handler is not None else "rules"
