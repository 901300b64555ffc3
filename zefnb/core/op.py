"""Ops: chains of steps as data.

`|` joins chains, and `value | chain | collect` evaluates one. A chain can be compared, hashed, printed and
pickled. `compile_chain` makes one plain function of it when it is subscribed.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable
from typing import Any, overload

from zefnb.core.function import ZefFunction
from zefnb.core.record import Record, structural_hash
from zefnb.core.secret_fields import after_secret_name
from zefnb.core.signatures import count_parameters, is_routine, options_of
from zefnb.core.types import Matcher, Union, ValueType, compile_pattern
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.text.short_repr import Parts, Scope, items, named, parts_of, reads

# Types of arguments that are data, and not functions to call.
_DATA = (str, bytes, int, float, type(None), Record)


class Step:
    """One call in a chain: a function and its arguments after the value.

    A curried function is called once, with its options, and returns the function of the value.
    """

    __slots__ = ("_curried", "args", "function", "inline", "kwargs", "name")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inline: bool,
        name: str,
        curried: bool = False,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.name = name
        self._curried: Callable[[Any], Any] | None = function(*args, **kwargs) if curried else None
        # A library op with a user's function as argument calls user code, so the whole step is not inline.
        self.inline = inline and all(_is_inline(given) for given in (*args, *kwargs.values()))

    @property
    def is_library_only(self) -> bool:
        """Whether it is a quick library op, whose arguments are data."""
        is_library = self.inline and str(getattr(self.function, "__module__", "")).startswith("zefnb.ops.")
        return is_library and all(isinstance(given, _DATA) for given in (*self.args, *self.kwargs.values()))

    def compiled(self) -> Callable[[Any], Any]:
        """Return the step as a function of one value."""
        function, args, kwargs = self.function, self.args, self.kwargs
        if self._curried is not None:
            return self._curried
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
        given = [repr(arg) for arg in self._shown_args()] + [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(given)})" if given or isinstance(self._named(), OpFactory) else self.name

    def _shown_args(self) -> tuple[Any, ...]:
        return after_secret_name(self.args) if self.name == "insert" else self.args

    def _named(self) -> OpFactory | NamedOp | None:
        """Return the op that has the name of the function, if the step was made by that op."""
        named = getattr(sys.modules.get(getattr(self.function, "__module__", "")), self.name, None)
        if isinstance(named, OpFactory | NamedOp) and vars(named).get("__wrapped__") is self.function:
            return named
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        named = self._named()
        if named is not None:
            return _step_of, (named, self.args, self.kwargs)
        return Step, (self.function, self.args, self.kwargs, self.inline, self.name, self._curried is not None)


def _step_of(named: OpFactory | NamedOp, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
    return (named(*args, **kwargs) if isinstance(named, OpFactory) else named).steps[0]


def _is_inline(given: Any) -> bool:
    if isinstance(given, Op | OpFactory | ZefFunction):
        return bool(given.inline)
    if isinstance(given, Union | ValueType):
        return compile_pattern(given).inline
    if isinstance(given, list | tuple | set | frozenset):
        return all(_is_inline(item) for item in given)
    if isinstance(given, dict):
        return all(_is_inline(item) for pair in given.items() for item in pair)
    return isinstance(given, type) or not callable(given)


class Op:
    """A chain of steps. Calling it with a value evaluates it.

    `inline` is true if it consists only of quick library ops, which may run on the loop.
    """

    __slots__ = ("__weakref__", "_call", "steps")
    # numpy and pandas then leave `array | op` to this class instead of applying it to each element.
    __array_ufunc__ = None
    __pandas_priority__ = 10_000

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps
        self._call: Callable[[Any], Any] | None = None

    @property
    def inline(self) -> bool:
        return all(step.inline for step in self.steps)

    @property
    def is_library_only(self) -> bool:
        """Whether it calls only quick library ops, without functions of the user. None of these changes a value."""
        return all(step.is_library_only for step in self.steps)

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
        if isinstance(value, OpFactory | ZefFunction | functools.partial) or is_routine(value):
            return as_chain(value) | self
        return Applied(value, self)

    def __pattern__(self) -> Matcher:
        """Match the values for which the chain returns a true value."""
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

    In a chain it can stand without parentheses if all of its arguments have defaults.
    """

    __array_ufunc__ = None
    __pandas_priority__ = 10_000
    __name__: str

    def __init__(self, function: Callable[..., Any], inline: bool, curried: bool = False) -> None:
        self.inline = inline
        self._function = function
        self._curried = curried
        functools.update_wrapper(self, function)

    @functools.cached_property
    def __signature__(self) -> Any:
        return options_of(self._function, 0 if self._curried else 1)

    def __call__(self, *args: Any, **kwargs: Any) -> Op:
        try:
            self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            bare = [option.replace(annotation=option.empty) for option in self.__signature__.parameters.values()]
            allowed = f"{self.__name__}{self.__signature__.replace(parameters=bare)}"
            raise InvalidValue(self.__name__, [FieldError("", str(error), allowed)]) from None
        return Op((Step(self._function, args, kwargs, self.inline, self.__name__, self._curried),))

    def __or__(self, other: object) -> Op:
        return NotImplemented if isinstance(other, Applied | Evaluator) else self() | other

    def __ror__(self, value: Any) -> Any:
        return value | self()

    def __pattern__(self) -> Matcher:
        return self().__pattern__()

    def __repr__(self) -> str:
        return self.__name__

    def __reduce__(self) -> str:
        return self.__name__


class Evaluator:
    """The end of a chain, which evaluates it: `collect`, and `run` in the engine."""

    __slots__ = ()
    __array_ufunc__ = None
    __pandas_priority__ = 10_000

    def __ror__(self, left: Any) -> Any:
        return self.evaluate(left.evaluated() if isinstance(left, Applied) else left)

    def evaluate(self, value: Any) -> Any:
        """Return the result for a value, or for the result of a chain."""
        return value

    def __call__(self, value: Any) -> Any:
        return self.evaluate(value)


class Applied:
    """A value and a chain that has not yet been applied to it; `| collect` evaluates it."""

    __slots__ = ("chain", "value")

    def __init__(self, value: Any, chain: Op) -> None:
        self.value = value
        self.chain = chain

    def __or__(self, other: object) -> Any:
        if isinstance(other, Evaluator):
            return NotImplemented
        return Applied(self.value, self.chain | other)

    def evaluated(self) -> Any:
        """Apply the chain to the value."""
        return self.chain(self.value)

    def __repr__(self) -> str:
        return f"{self.value!r} | {self.chain!r}   # add `| collect` to evaluate"


@reads(Step.__repr__)
def _step_parts(step: Step, scope: Scope) -> Parts:
    has_brackets = step.args or step.kwargs or isinstance(step._named(), OpFactory)
    yield f"{step.name}(" if has_brackets else step.name
    yield from items(step._shown_args(), scope)
    yield ", " if step.args and step.kwargs else ""
    yield from named(step.kwargs.items(), scope)
    yield ")" if has_brackets else ""


@reads(Op.__repr__)
def _op_parts(op: Op, scope: Scope) -> Parts:
    for number, step in enumerate(op.steps):
        yield " | " if number else ""
        yield from parts_of(step, scope)


@reads(Applied.__repr__)
def _applied_parts(applied: Applied, scope: Scope) -> Parts:
    yield from parts_of(applied.value, scope)
    yield " | "
    yield from parts_of(applied.chain, scope)
    yield "   # add `| collect` to evaluate"


class Collect(Evaluator):
    """Evaluate a chain: `value | chain | collect`.

    Returns:
        The result of the chain. The ops for chains are in `zefnb.ops`.

    >>> 'abc' | as_chain(len) | collect
    3
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "collect"

    def __reduce__(self) -> str:
        return "collect"


collect = Collect()


def op_for(name: str) -> str:
    """How to write the op that has the name of a function of Python's."""
    return f"the op is `ops.{name}(function)`, after `from zefnb import ops`"


def as_chain(given: Any, subject: str = "chain", field: str = "step") -> Op:
    """Return a callable as a chain. Raises `InvalidValue`, with `subject` and `field`, for anything else."""
    if isinstance(given, Op):
        return given
    if isinstance(given, OpFactory):
        return given()
    if given is builtins.map or given is builtins.filter:
        raise InvalidValue(subject, [FieldError(field, f"got Python's own {given.__name__}", op_for(given.__name__))])
    if callable(given):
        name = getattr(given, "__name__", None) or repr(given)
        return Op((Step(given, (), {}, bool(getattr(given, "inline", False)), name),))
    hint = "was a name such as `run` or `collect` given another value? `from zefnb import *` restores it"
    raise InvalidValue(subject, [FieldError(field, f"got {shown(given)}", "an op or a callable", hint)])


def compile_chain(op: Op) -> Callable[[Any], Any]:
    """Return the chain as one plain function."""
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
def op(*, inline: bool = False, curried: bool = False) -> Callable[[Callable[..., Any]], Any]: ...
def op(function: Callable[..., Any] | None = None, /, *, inline: bool = False, curried: bool = False) -> Any:
    """Make an op of a function whose first parameter is the value.

    Args:
        function: The function. Without it, `op(...)` returns a decorator.
        inline: Whether the function is quick enough to run on the event loop (default false).
        curried: Whether the function takes only the options, once, and returns a function of the value (default
            false). It can then check the options and prepare work that would otherwise be repeated for each value.

    Returns:
        An op: `value | name | collect`, or `value | name(options) | collect` if there are options.

    Raises:
        InvalidValue: The function has no parameters.

    >>> @op
    ... def times(value, n):
    ...     return value * n
    >>> 'ab' | times(2) | collect
    'abab'
    """
    if function is None:
        return functools.partial(_made, inline=inline, curried=curried)
    return _made(function, inline=inline, curried=curried)


def _made(function: Callable[..., Any], inline: bool, curried: bool) -> Any:
    count = count_parameters(function)
    if not count:
        raise InvalidValue(function.__name__, [FieldError("parameters", "there are none", "the value, then options")])
    if curried or count > 1:
        return OpFactory(function, inline, curried)
    return NamedOp(function, inline)


class NamedOp(Op):
    """An op without arguments, pickled by its name."""

    __name__: str

    def __init__(self, function: Callable[..., Any], inline: bool) -> None:
        super().__init__((Step(function, (), {}, inline, function.__name__),))
        functools.update_wrapper(self, function)

    def __reduce__(self) -> Any:
        module = sys.modules.get(self.__module__)
        if getattr(module, self.__name__, None) is self:
            return self.__name__
        return super().__reduce__()
