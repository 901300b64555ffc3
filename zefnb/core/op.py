"""Ops: chains of steps as data.

`|` joins chains, `value | chain | collect` evaluates one. A chain compares, hashes, prints and
pickles like any value; `compile_chain` turns it into one plain function when it is subscribed.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, overload

from zefnb.core.function import ZefFunction
from zefnb.core.record import structural_hash
from zefnb.core.types import Matcher
from zefnb.errors import Fault, InvalidValue, shown

Compiler = Callable[..., Callable[[Any], Any]]


class Step:
    """One call in a chain: a function and what it is given besides the value."""

    __slots__ = ("args", "function", "inline", "kwargs", "name")

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], inline: bool, name: str
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.name = name
        # A library op that is given a user's function calls user code: the whole step is not inline.
        self.inline = inline and all(_is_inline(given) for given in (*args, *kwargs.values()))

    def compiled(self) -> Callable[[Any], Any]:
        """The step as a function of one value."""
        function, args, kwargs = self.function, self.args, self.kwargs
        if not args and not kwargs:
            return function
        return lambda value: function(value, *args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Step)
            and self.function == other.function
            and self.args == other.args
            and self.kwargs == other.kwargs
        )

    def __hash__(self) -> int:
        return hash((self.function, structural_hash(self.args), structural_hash(self.kwargs)))

    def __repr__(self) -> str:
        given = [repr(arg) for arg in self.args] + [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(given)})" if given else self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return Step, (self.function, self.args, self.kwargs, self.inline, self.name)


def _is_inline(given: Any) -> bool:
    if isinstance(given, Op | OpFactory | ZefFunction):
        return bool(given.inline)
    if isinstance(given, list | tuple | set | frozenset):
        return all(_is_inline(item) for item in given)
    if isinstance(given, dict):
        return all(_is_inline(item) for pair in given.items() for item in pair)
    return isinstance(given, type) or not callable(given)


class Op:
    """A chain of steps. Calling it with a value evaluates it.

    `inline` tells whether it consists of quick library ops only, which may run on the loop.
    """

    __slots__ = ("__weakref__", "_call", "steps")
    # numpy, pandas: leave `array | op` to us instead of going through it element by element.
    __array_ufunc__ = None
    __pandas_priority__ = 10_000

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps
        self._call: Callable[[Any], Any] | None = None

    @property
    def inline(self) -> bool:
        return all(step.inline for step in self.steps)

    def __call__(self, value: Any) -> Any:
        if self._call is None:
            self._call = compile_chain(self)
        return self._call(value)

    def __or__(self, other: object) -> Op:
        if isinstance(other, Applied | Evaluator):
            return NotImplemented
        return Op(self.steps + as_chain(other).steps)

    def __ror__(self, value: Any) -> Any:
        if isinstance(value, Applied):
            return Applied(value.value, value.chain | self)
        if isinstance(value, OpFactory) or (inspect.isroutine(value) and not isinstance(value, type)):
            return as_chain(value) | self
        return Applied(value, self)

    def __pattern__(self) -> Matcher:
        """As a pattern: the predicate that it computes."""
        call = compile_chain(self)
        return Matcher(by_type=None, test=lambda value: bool(call(value)), inline=self.inline)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Op) and self.steps == other.steps

    def __hash__(self) -> int:
        return hash((Op, self.steps))

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.steps))

    def __reduce__(self) -> tuple[Any, ...]:
        return Op, (self.steps,)


class OpFactory:
    """An op that takes arguments: `take(3)`, `insert_into(effect, 'content')`.

    Bare, in a chain, it stands for the op with its defaults, where it has them.
    """

    __array_ufunc__ = None
    __pandas_priority__ = 10_000

    def __init__(self, function: Callable[..., Any], inline: bool) -> None:
        self.inline = inline
        self._function = function
        functools.update_wrapper(self, function)
        signature = inspect.signature(function)
        self.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(self, *args: Any, **kwargs: Any) -> Op:
        try:
            self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            fault = Fault("", f"{error}", f"{self.__name__}{self.__signature__}")
            raise InvalidValue(self.__name__, [fault]) from None
        return Op((Step(self._function, args, kwargs, self.inline, self.__name__),))

    def __or__(self, other: object) -> Op:
        return NotImplemented if isinstance(other, Applied | Evaluator) else self() | other

    def __ror__(self, value: Any) -> Any:
        return value | self()

    def __repr__(self) -> str:
        return self.__name__

    def __reduce__(self) -> str:
        return self.__name__


class Evaluator:
    """What ends a chain by evaluating it: `collect`, and `run` in the engine."""

    __slots__ = ()
    __array_ufunc__ = None
    __pandas_priority__ = 10_000

    def __ror__(self, left: Any) -> Any:
        return self(left.evaluated() if isinstance(left, Applied) else left)

    def __call__(self, value: Any) -> Any:
        return value


class Applied:
    """A value and the chain that waits to be applied to it; `| collect` evaluates it."""

    __slots__ = ("chain", "value")

    def __init__(self, value: Any, chain: Op) -> None:
        self.value = value
        self.chain = chain

    def __or__(self, other: object) -> Any:
        if isinstance(other, Evaluator):
            return NotImplemented
        return Applied(self.value, self.chain | other)

    def evaluated(self) -> Any:
        """What the chain makes of the value."""
        return self.chain(self.value)

    def __repr__(self) -> str:
        return f"{self.value!r} | {self.chain!r}   # add `| collect` to evaluate"


class Collect(Evaluator):
    """Evaluate a chain: `value | chain | collect`. See `zefnb.ops.flow`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "collect"

    def __reduce__(self) -> str:
        return "collect"


collect = Collect()


def as_chain(given: Any) -> Op:
    """Anything callable as a chain; an error for what is not."""
    if isinstance(given, Op):
        return given
    if isinstance(given, OpFactory):
        return given()
    if callable(given):
        name = getattr(given, "__name__", None) or repr(given)
        return Op((Step(given, (), {}, bool(getattr(given, "inline", False)), name),))
    hint = "was a name such as `run` or `collect` given another value? `from zefnb import *` restores it"
    raise InvalidValue("chain", [Fault("step", f"got {shown(given)}", "an op or a callable", hint)])


def compile_chain(op: Op) -> Callable[[Any], Any]:
    """The chain as one plain function."""
    calls = [step.compiled() for step in op.steps]
    if len(calls) == 1:
        return calls[0]
    if len(calls) == 2:
        first, second = calls
        return lambda value: second(first(value))

    def call(value: Any) -> Any:
        for step in calls:
            value = step(value)
        return value

    return call


@overload
def op(function: Callable[..., Any], /) -> Any: ...
@overload
def op(*, inline: bool) -> Callable[[Callable[..., Any]], Any]: ...
def op(function: Callable[..., Any] | None = None, /, *, inline: bool = False) -> Any:
    """Make an op of a function whose first argument is the value.

    With `inline=True` the function promises to be quick and may run on the loop.

    >>> @op
    ... def times(value, n):
    ...     return value * n
    >>> 'ab' | times(2) | collect
    'abab'
    """
    if function is None:
        return functools.partial(_made, inline=inline)
    return _made(function, inline=inline)


def _made(function: Callable[..., Any], inline: bool) -> Any:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise InvalidValue(function.__name__, [Fault("parameters", "there are none", "the value, then options")])
    if len(parameters) > 1:
        return OpFactory(function, inline)
    return NamedOp(function, inline)


class NamedOp(Op):
    """An op without arguments, known by the name it was defined under."""

    def __init__(self, function: Callable[..., Any], inline: bool) -> None:
        super().__init__((Step(function, (), {}, inline, function.__name__),))
        functools.update_wrapper(self, function)

    def __reduce__(self) -> Any:
        module = sys.modules.get(self.__module__)
        if getattr(module, self.__name__, None) is self:
            return self.__name__
        return super().__reduce__()
