"""Effects: `FX.Publish(target=t, content='hi')`, descriptions of actions.

An effect is one function, and its signature is the schema: field names, types, and which fields are optional.
Building an effect rejects unknown fields and wrong types, and lists every fault. Missing fields are an error only
when the effect is performed, so that an incomplete effect can serve as a template.
"""

from __future__ import annotations

import copyreg
import functools
import typing
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from zefnb.core.op import Evaluator, Op, OpFactory
from zefnb.core.record import Record, assemble, refuse_secrets, set_fields
from zefnb.core.secret_fields import SECRECY
from zefnb.core.signatures import is_async
from zefnb.core.types import ANYTHING, compile_pattern, describe
from zefnb.errors import FieldError, Hint, InvalidEffect, UnknownName, shown

if TYPE_CHECKING:
    import inspect


class Field(NamedTuple):
    """One field of an effect. `test` is `None` where every value is valid."""

    annotation: Any
    test: Callable[[Any], bool] | None
    required: bool

    def faults(self, name: str, value: Any) -> list[FieldError]:
        """Return the mistakes in `value`. A type with a method `__faults__` finds them itself."""
        find = getattr(self.annotation, "__faults__", None)
        return (
            find(name, value)
            if find is not None
            else [FieldError(name, f"got {shown(value)}", describe(self.annotation))]
        )

    def admits(self, value: Any) -> bool:
        """Whether `value` has exactly the declared type, or matches it."""
        test = self.test
        return test is None or type(value) is self.annotation or test(value)


_UNKNOWN = object()
# Equal to the kinds of no effect, since no field has this name.
UNRESOLVED: dict[str, Any] = {"": None}


class Spec:
    """The declaration of an effect by its function.

    `accept`, if there is one, prepares the effect in the thread that submits it, so that this thread need not wait
    for the loop. With `accept_waits` it may wait itself, so that it is not used for an effect that is awaited.
    `keyed` names the kind of object that a cell replaces when it runs again.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        accept: Callable[..., Any] | None = None,
        keyed: str | None = None,
        accept_waits: bool = False,
    ) -> None:
        self.name = name
        self.function = function
        self.accept = accept
        self.keyed = keyed
        self.accept_waits = accept_waits
        self._fields: dict[str, Field] | None = None
        # The exact types, checked first, since most values have them; `None` where every value is valid.
        self.kinds: dict[str, Any] = UNRESOLVED

    # Both import `inspect`, which takes 10 ms, so that they are computed when they are used.
    @functools.cached_property
    def is_async(self) -> bool:
        """Whether its function is a coroutine function."""
        return is_async(self.function)

    @functools.cached_property
    def doc(self) -> str:
        """The docstring of its function."""
        from inspect import getdoc

        return getdoc(self.function) or ""

    @property
    def fields(self) -> dict[str, Field]:
        """A dict from field name to `Field`, resolved on first use, so that declaring an effect is quick."""
        if self._fields is None:
            is_required, annotations = self._declared()
            # Only the fields' annotations: a module that declares effects does not import the runtime's type.
            hints = typing.get_type_hints(
                SimpleNamespace(__annotations__=annotations), globalns=getattr(self.function, "__globals__", {})
            )
            fields = {name: _field(hints.get(name, Any), required) for name, required in is_required.items()}
            self.kinds = {name: None if field.test is None else field.annotation for name, field in fields.items()}
            self._fields = fields
        return self._fields

    def _declared(self) -> tuple[dict[str, bool], dict[str, Any]]:
        """Return whether each field is required, and the annotations of the fields that have one."""
        function = self.function
        if type(function) is FunctionType and not hasattr(function, "__wrapped__"):  # without importing `inspect`
            code, defaults = function.__code__, function.__kwdefaults__ or {}
            names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
            given = function.__annotations__
            return {n: n not in defaults for n in names}, {n: given[n] for n in names if n in given}
        parameters = self.signature.parameters.values()
        return {p.name: p.default is p.empty for p in parameters}, {p.name: p.annotation for p in parameters}

    @property
    def signature(self) -> inspect.Signature:
        """The fields as a signature, for help and completion."""
        from inspect import signature

        full = signature(self.function)
        return full.replace(parameters=[p for p in full.parameters.values() if p.kind is p.KEYWORD_ONLY])

    def resolved_kinds(self) -> dict[str, Any]:
        """Return `kinds`, resolved."""
        self.fields  # noqa: B018
        return self.kinds

    def fits(self, name: str, value: Any) -> bool:
        """Whether there is a field `name` that admits `value`."""
        field = self.fields.get(name)
        return field is not None and field.admits(value)

    def faults(self, given: Mapping[str, Any]) -> list[FieldError]:
        """Return the unknown names and wrong types among these fields."""
        found: list[FieldError] = []
        for name, value in given.items():
            field = self.fields.get(name)
            if field is None:
                known = ", ".join(self.fields) or "none"
                found.append(FieldError(name, "unknown field", known, Hint(name, self.fields)))
            elif not field.admits(value):
                found += field.faults(name, value)
        return found

    def missing(self, given: Mapping[str, Any]) -> Sequence[FieldError]:
        """Return the required fields that are missing."""
        if given.keys() == self.kinds.keys():
            return ()
        return [
            FieldError(name, "missing", describe(field.annotation))
            for name, field in self.fields.items()
            if field.required and name not in given
        ]


def _field(annotation: Any, required: bool) -> Field:
    matcher = compile_pattern(annotation)
    return Field(annotation, None if matcher is ANYTHING else matcher.test, required)


class Registry:
    """Effect names and their functions. A runtime uses one; tests replace single effects with `replacing`."""

    def __init__(self, specs: Mapping[str, Spec] | None = None) -> None:
        self.specs: dict[str, Spec] = dict(specs or {})

    def replacing(self, **functions: Callable[..., Any]) -> Registry:
        """Return a copy in which other functions perform the named effects."""
        return Registry({**self.specs, **{name: Spec(name, function) for name, function in functions.items()}})

    def spec(self, name: str) -> Spec:
        """Return the spec of that name. Raises `UnknownName`, with a suggestion, if there is none."""
        spec = self.specs.get(name)
        if spec is None:
            known = ", ".join(sorted(self.specs))
            raise UnknownName(f"FX.{name}", [FieldError("", "unknown effect", known, Hint(name, self.specs))])
        return spec


DEFAULT_REGISTRY = Registry()


def effect(
    name: str,
    *,
    accept: Callable[..., Any] | None = None,
    keyed: str | None = None,
    accept_waits: bool = False,
    registry: Registry | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function as the one that performs `FX.<name>`: `def f(runtime, *, field: type, ...)`.

    Args:
        name: The name of the effect.
        accept: A function that prepares the effect in the calling thread, so that this thread need not wait. Default:
            the effect is performed on the event loop.
        keyed: The kind of object that the effect starts, and that a cell replaces when it runs again. Default: none.
        accept_waits: Whether `accept` may wait (default false).
        registry: The registry for the effect. Default: the registry of the process.

    Returns:
        A decorator, which returns the function unchanged.

    >>> mine = Registry()
    >>> @effect("Beep", registry=mine)
    ... def beep(runtime, *, times: int = 1) -> None:
    ...     'Beep `times` times.'
    >>> mine.spec("Beep").faults({'times': 'x', 'volume': 3})[0].field
    'times'
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        target = registry if registry is not None else DEFAULT_REGISTRY
        target.specs[name] = Spec(name, function, accept, keyed, accept_waits)
        return function

    return declare


# A tuple, since a union would be built for each call: isinstance is five times as fast with it.
_CHAINS = (Op, OpFactory)
_new = object.__new__


class EffectType(type):
    """The type of effect types: they print as `FX.Publish` and check their fields."""

    def __repr__(cls) -> str:
        return f"FX.{cls.__name__}"

    def __call__(cls, /, *args: Any, **fields: Any) -> Any:
        spec = DEFAULT_REGISTRY.specs.get(cls.__name__) or DEFAULT_REGISTRY.spec(cls.__name__)
        if args:
            names = ", ".join(spec.fields) or "none"
            # A verbose traceback shows the variables of this frame, and passwords may be among them; so below.
            args, fields = (), {}
            raise InvalidEffect(repr(cls), f"fields are given by name, not by position; fields: {names}")
        kinds = spec.kinds
        if kinds is UNRESOLVED:
            kinds = spec.resolved_kinds()
        for name, value in fields.items():
            kind = kinds.get(name, _UNKNOWN)
            if kind is not None and type(value) is not kind and not spec.fits(name, value):
                faults = spec.faults(fields)
                fields, value = {}, None
                raise InvalidEffect(repr(cls), faults)
        made: Effect = _new(cls)  # type: ignore[arg-type]
        set_fields(made, fields)
        return made

    @property
    def __signature__(cls) -> inspect.Signature:
        return DEFAULT_REGISTRY.spec(cls.__name__).signature

    @property
    def __doc__(cls) -> str:  # type: ignore[override]
        spec = DEFAULT_REGISTRY.specs.get(cls.__name__)
        return spec.doc if spec else "A description of an action; see `FX`."

    def __check__(cls, changes: Mapping[str, Any]) -> None:
        faults = DEFAULT_REGISTRY.spec(cls.__name__).faults(changes)
        if faults:
            raise InvalidEffect(repr(cls), faults)


NOT_RUN = "nothing has run yet: add `| run`"


class Effect(Record, metaclass=EffectType):
    __slots__ = ()
    # No effect has a uid.
    _uid = None
    _advice = f"; {NOT_RUN}"

    def __or__(self, other: object) -> Any:
        if isinstance(other, Evaluator):
            return other.evaluate(self)
        if isinstance(other, _CHAINS):
            return NotImplemented
        hint = "was `run` given another value? `from zefnb import run` restores it"
        raise InvalidEffect(
            repr(type(self)), [FieldError("", f"`| {shown(other)}` performs nothing", "`| run`, `await`", hint)]
        )

    def __await__(self) -> Generator[Any, None, Any]:
        if _awaiter is None:
            raise InvalidEffect(repr(type(self)), "no engine is loaded; `import zefnb` first")
        return _awaiter(self).__await__()

    # Clear errors for using an effect as if it were its result.
    def __iter__(self) -> NoReturn:
        raise InvalidEffect(repr(type(self)), f"it cannot be iterated over; {NOT_RUN}")

    def __getitem__(self, key: object) -> NoReturn:
        raise InvalidEffect(repr(type(self)), f"it has no items; {NOT_RUN}")

    def __len__(self) -> NoReturn:
        raise InvalidEffect(repr(type(self)), f"it has no length; {NOT_RUN}")

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        refuse_secrets(self)
        return _rebuild, (type(self).__name__, dict(self.__dict__))


_awaiter: Callable[[Effect], Awaitable[Any]] | None = None


def set_awaiter(awaiter: Callable[[Effect], Awaitable[Any]]) -> None:
    """Set the function that `await FX.X(...)` calls; the engine provides it."""
    global _awaiter
    _awaiter = awaiter


def _rebuild(name: str, fields: dict[str, Any]) -> Effect:
    return assemble(effect_type(name), None, fields)


_types: dict[str, type[Effect]] = {}


def effect_type(name: str) -> type[Effect]:
    """Return the effect type of that name. Raises `UnknownName` if no effect of that name is declared."""
    DEFAULT_REGISTRY.spec(name)
    known = _types.get(name)
    if known is None:
        declared: dict[str, Any] = {"__slots__": (), "__module__": "zefnb.core.effect", "_secrecy": SECRECY.get(name)}
        made = EffectType(name, (Effect,), declared)
        known = _types.setdefault(name, typing.cast("type[Effect]", made))
    return known


copyreg.pickle(EffectType, lambda cls: (effect_type, (cls.__name__,)))


class EffectTypes:
    """The namespace of effects: `FX.<Tab>` lists them, and `FX.Publish?` shows the help of one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        # Stored as an attribute, so that the next lookup does not call `__getattr__`: 0.04 us, not 0.9.
        self.__dict__[name] = found = effect_type(name)
        return found

    def __dir__(self) -> list[str]:
        return sorted(DEFAULT_REGISTRY.specs)

    def __repr__(self) -> str:
        return "FX"

    def __reduce__(self) -> str:
        return "FX"


FX = EffectTypes()
