"""User functions: `@zef_function`, handlers of any shape, and redefinition that updates.

When the cell that defines a function runs again, the same object gets the new code, so that every actor and route
that holds it uses the new code.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from zefnb.core.execution import definition_key
from zefnb.errors import FieldError, InvalidValue, shown

Call = Callable[[Any, Any], Any]
Invoke = Callable[[Any, Any, Any], Any]

_known: weakref.WeakValueDictionary[tuple[object, ...], ZefFunction] = weakref.WeakValueDictionary()
_versions = itertools.count(1)


class ZefFunction:
    """A function that actors, routes and chains call, and whose code can be replaced.

    `inline` is true if it is quick and may run on the loop, `is_async` if its result is awaited.
    `invoke(msg, state, context)` calls it with as many arguments as it takes; so does `call(msg, state)`, which is
    quicker, unless it takes the context.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "call",
        "function",
        "inline",
        "invoke",
        "is_async",
        "token",
        "version",
        "wants_context",
    )
    __qualname__: str

    def __init__(self, function: Callable[..., Any], inline: bool = False, token: object = None) -> None:
        self.become(function, inline, token)

    def become(self, function: Callable[..., Any], inline: bool, token: object) -> None:
        """Use the code of `function` from now on."""
        arity, is_async = positional_arity(function), _is_async(function)
        call, invoke = _callers(function, arity)
        self.function, self.inline, self.invoke, self.is_async = function, inline, invoke, is_async
        self.call = call
        self.wants_context = arity == 3
        self.token = token
        self.version = next(_versions)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __reduce__(self) -> str:
        return self.__qualname__

    if not TYPE_CHECKING:  # type checkers would treat handlers in fields as bound methods, too

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<zef_function {name_of(self.function)}>"


@overload
def zef_function(function: Callable[..., Any], /) -> ZefFunction: ...
@overload
def zef_function(*, inline: bool = False) -> Callable[[Callable[..., Any]], ZefFunction]: ...
def zef_function(
    function: Callable[..., Any] | None = None, /, *, inline: bool = False
) -> ZefFunction | Callable[[Callable[..., Any]], ZefFunction]:
    """Mark a function as a handler, so that running its cell again updates every server that uses it.

    A plain function runs in a handler thread and may block. An `async def` runs on the event loop and is awaited.

    Args:
        function: The handler: `f(input)`, `f(msg, state)` or `f(msg, state, context)`. Without it,
            `zef_function(...)` returns a decorator.
        inline: Whether a plain function is quick enough to run on the event loop itself, which is several times
            faster (default false).

    Returns:
        A callable with the function's name and documentation.

    Raises:
        InvalidValue: The function takes no arguments, or more than three.

    >>> @zef_function
    ... def on_message(input):
    ...     msg, state = input[0], input[1]
    ...     return [[], state]
    >>> on_message(('hi', 1))
    [[], 1]
    """
    if function is None:
        return functools.partial(_defined, inline=inline)
    return _defined(function, inline)


def _defined(function: Callable[..., Any], inline: bool) -> ZefFunction:
    if isinstance(function, ZefFunction):
        function = function.function
    identity = definition_key(function)
    if identity is None:
        return ZefFunction(function, inline)
    known = _known.get(identity.key)
    if known is not None and known.token != identity.token:
        known.become(function, inline, identity.token)
        return known
    made = ZefFunction(function, inline, identity.token)
    _known[identity.key] = made
    return made


def as_handler(given: Any, subject: str, field: str) -> ZefFunction:
    """Return a callable as a handler. Raises `InvalidValue`, with `subject` and `field`, for anything else."""
    if isinstance(given, ZefFunction):
        return given
    if not callable(given):
        raise InvalidValue(subject, [FieldError(field, f"got {shown(given)}", "a function, an op or any callable")])
    try:
        return ZefFunction(given, inline=bool(getattr(given, "inline", False)))
    except InvalidValue as error:
        raise InvalidValue(subject, [FieldError(field, str(error))]) from None


def name_of(function: Any) -> str:
    """Return the name of the function for error texts."""
    if isinstance(function, ZefFunction):
        function = function.function
    if isinstance(function, functools.partial):
        return f"partial({name_of(function.func)})"
    return getattr(function, "__qualname__", None) or repr(function)


def positional_arity(function: Callable[..., Any]) -> int:
    """Return how many positional arguments `function` takes; those with defaults count only if all have one."""
    from inspect import signature  # here and below, since importing it takes 10 ms

    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return max(2, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    return len(required) or min(len(positional), 2)


def _callers(function: Callable[..., Any], arity: int) -> tuple[Call, Invoke]:
    """Return `call` and `invoke`, which call a handler as `(input)`, `(msg, state)` or `(msg, state, context)`."""
    if arity == 1:
        return lambda msg, state: function((msg, state)), lambda msg, state, context: function((msg, state))
    if arity == 2:
        return function, lambda msg, state, context: function(msg, state)
    if arity == 3:
        return lambda msg, state: function(msg, state, None), function
    allowed = "f(input), f(msg, state) or f(msg, state, context)"
    problem = f"{name_of(function)} takes {arity} arguments"
    raise InvalidValue(name_of(function), [FieldError("parameters", problem, allowed)])


def _is_async(function: Any) -> bool:
    from inspect import iscoroutinefunction

    while isinstance(function, functools.partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004  (the method is wanted)
    return iscoroutinefunction(function) or iscoroutinefunction(call)
