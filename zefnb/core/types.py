"""Patterns: conditions on values, in rules, in effects' fields and in ops.

A pattern is a type (`String`, `int`, `ET.Guest`), a union (`String | Int`), a literal (by type and value),
alternatives (a set, `one_of(...)`), a predicate that returns true or false, or `Any`. `compile_pattern` makes a
`Matcher` of it.
"""

from __future__ import annotations

import collections.abc
import operator
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from zefnb.core.signatures import is_async
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.text.short_repr import Parts, Scope, reads


class Matcher(NamedTuple):
    """A compiled pattern.

    `by_type(cls)` returns whether every value of a type matches, or `None` if that depends on the value; it is `None`
    itself if it always depends on the value. `test(value)` decides for one value. `inline` is false if the pattern
    calls user code.
    """

    by_type: Callable[[type], bool | None] | None
    test: Callable[[Any], bool]
    inline: bool = True


ANYTHING = Matcher(by_type=lambda cls: True, test=lambda value: True)


def _of_type(admits: Callable[[type], bool]) -> Matcher:
    return Matcher(by_type=admits, test=lambda value: admits(type(value)))


class ValueType:
    """A named type of plain values: a pattern, a check for `isinstance`, and a constructor.

    >>> String('x'), match(String, 'x'), isinstance(b'x', Bytes), match(Int, True)
    ('x', True, True, False)
    """

    __slots__ = ("_admits", "_make", "name")

    def __init__(self, name: str, admits: Callable[[type], bool], make: Callable[..., Any]) -> None:
        self.name = name
        self._admits = admits
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)

    def __instancecheck__(self, value: object) -> bool:
        return self._admits(type(value))

    def __pattern__(self) -> Matcher:
        return _of_type(self._admits)

    def __or__(self, other: object) -> Union:
        return Union.of(self, other)

    def __ror__(self, other: object) -> Union:
        return Union.of(other, self)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.name if self is not ARRAY_U8 else (operator.getitem, (Array1, u8))


class ByteArray(bytes):
    """The content of a binary frame in topic mode, `Array1[u8]`; it is a subclass of `bytes`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Array1[u8]({bytes(self)!r})"


@reads(ByteArray.__repr__)
def _parts(array: ByteArray, scope: Scope) -> Parts:
    yield f"Array1[u8]({bytes(memoryview(array)[: scope.longest + 1])!r})"


class ArrayType:
    """The element types of one-dimensional arrays; `Array1[u8]` is the only one.

    Raises:
        InvalidValue: The element type is not `u8`.

    >>> Array1[u8]([1, 2, 255])
    Array1[u8](b'\\x01\\x02\\xff')
    """

    __slots__ = ()

    def __getitem__(self, element: object) -> ValueType:
        if element is not u8:
            raise InvalidValue("Array1[...]", [FieldError("element", f"got {shown(element)}", "u8")])
        return ARRAY_U8

    def __repr__(self) -> str:
        return "Array1"

    def __reduce__(self) -> str:
        return "Array1"


def _subclass_of(*wanted: type, but: type | None = None) -> Callable[[type], bool]:
    def admits(cls: type) -> bool:
        return issubclass(cls, wanted) and not (but is not None and issubclass(cls, but))

    return admits


def _only_none(value: object = None) -> None:
    if value is not None:
        raise InvalidValue("Nil", [FieldError("value", f"got {shown(value)}", "None")])


def _bytes_of(value: object = b"") -> bytes:
    if isinstance(value, str | int):
        raise InvalidValue("Bytes", [FieldError("value", f"got {shown(value)}", "bytes or numbers 0 to 255")])
    return bytes(typing.cast("bytes | Iterable[int]", value))


String = ValueType("String", _subclass_of(str), str)
Bytes = ValueType("Bytes", _subclass_of(bytes, bytearray, memoryview), _bytes_of)
Int = ValueType("Int", _subclass_of(int, but=bool), int)
Float = ValueType("Float", _subclass_of(float), float)
Bool = ValueType("Bool", _subclass_of(bool), bool)
Nil = ValueType("Nil", _subclass_of(types.NoneType), _only_none)
u8 = ValueType("u8", _subclass_of(int, but=bool), int)
Array1 = ArrayType()
ARRAY_U8 = ValueType("Array1[u8]", _subclass_of(ByteArray), ByteArray)


class Union:
    """Any of several patterns: `String | Int`, `ET.A | ET.B`, `one_of(1, 2)`.

    >>> String | Int
    String | Int
    """

    __slots__ = ("members",)

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.members = members

    @classmethod
    def of(cls, *patterns: Any) -> Union:
        """Return the union of `patterns`, without nesting."""
        flat: list[Any] = []
        for pattern in patterns:
            pattern = None if pattern is types.NoneType else pattern
            flat.extend(pattern.members if isinstance(pattern, Union) else [pattern])
        return cls(tuple(flat))

    def __or__(self, other: object) -> Union:
        return Union.of(self, other)

    def __ror__(self, other: object) -> Union:
        return Union.of(other, self)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same alternatives, in any order; `1` and `True` are different alternatives."""
        if not isinstance(other, Union):
            return NotImplemented
        mine, theirs = self._typed(), other._typed()
        return all(member in theirs for member in mine) and all(member in mine for member in theirs)

    def __hash__(self) -> int:
        # By types only: a member, such as a dict, may have no hash.
        return hash((Union, frozenset(type(member) for member in self.members)))

    def _typed(self) -> list[tuple[type, Any]]:
        return [(type(member), member) for member in self.members]

    def __repr__(self) -> str:
        parts = [describe(member) for member in self.members]
        return " | ".join(parts) if self._joins() else f"one_of({', '.join(parts)})"

    def _joins(self) -> bool:
        """Whether writing the members with `|` between them gives this union."""
        types_only = all(member is None or isinstance(member, type | ValueType) for member in self.members)
        return types_only and len(self.members) > 1 and any(map(_has_own_or, self.members[:2]))

    def __reduce__(self) -> tuple[Any, ...]:
        return Union, (self.members,)

    def __instancecheck__(self, value: object) -> bool:
        return match(self, value)

    def __pattern__(self) -> Matcher:
        return _any_of(self.members)


def _has_own_or(member: Any) -> bool:
    return isinstance(member, ValueType) or (isinstance(member, type) and type(member).__or__ is not type.__or__)


def match(pattern: Any, value: object) -> bool:
    """Whether `value` matches `pattern`.

    Args:
        pattern: A type, a union, a literal, a set of alternatives, a predicate, or `Any`.
        value: Any value.

    Returns:
        True or false. An exception of a predicate is raised unless another alternative matches.

    Raises:
        InvalidValue: The pattern is not valid: it has no alternatives, or its predicate is async.

    >>> match(String | Int, 3), match({1, 2}, 2), match(1, True), match(Any, None)
    (True, True, False, True)
    """
    return compile_pattern(pattern).test(value)


def compile_pattern(pattern: Any) -> Matcher:
    """Return `pattern` as a `Matcher`. Raises `InvalidValue` for a pattern that no value can match."""
    try:
        return _compiled(pattern)
    except RecursionError:
        raise InvalidValue("pattern", [FieldError("", "it is nested too deeply", "a flatter pattern")]) from None


def _compiled(pattern: Any) -> Matcher:
    if pattern is Any or pattern is object:
        return ANYTHING
    if isinstance(pattern, type) and not isinstance(pattern, types.GenericAlias):
        return _compile_type(pattern)
    if hasattr(type(pattern), "__pattern__"):
        return typing.cast(Matcher, pattern.__pattern__())
    if isinstance(pattern, types.UnionType) or typing.get_origin(pattern) in (typing.Union, typing.Literal):
        return _any_of(typing.get_args(pattern))
    if isinstance(pattern, set | frozenset):
        return _any_of(tuple(pattern))
    if typing.get_origin(pattern) is not None:
        return _compile_generic(pattern)
    if callable(pattern) and is_async(pattern):
        raise InvalidValue(
            "pattern", [FieldError("predicate", f"got {shown(pattern)}", "a plain function, not an async one")]
        )
    if callable(pattern):
        inline = bool(getattr(pattern, "inline", False))
        return Matcher(by_type=None, test=lambda value: bool(pattern(value)), inline=inline)
    return _compile_literal(pattern)


def _compile_type(cls: type) -> Matcher:
    if cls is int:
        return _of_type(_subclass_of(int, but=bool))
    if cls is float:
        return _of_type(_subclass_of(float, int, but=bool))
    if cls is bytes:
        return _of_type(_subclass_of(bytes, bytearray, memoryview))
    try:
        issubclass(object, cls)
    except TypeError:  # a protocol with data members: it depends on the value
        return Matcher(by_type=None, test=lambda value: isinstance(value, cls))
    return _of_type(lambda given: issubclass(given, cls))


def _compile_literal(literal: Any) -> Matcher:
    cls = type(literal)

    def test(value: Any) -> bool:
        return type(value) is cls and bool(value == literal)

    return Matcher(by_type=lambda given: None if given is cls else False, test=test)


def _any_of(patterns: Iterable[Any]) -> Matcher:
    members = [compile_pattern(pattern) for pattern in patterns]
    if not members:
        raise InvalidValue("pattern", [FieldError("alternatives", "there are none", "at least one")])

    def by_type(cls: type) -> bool | None:
        results = [member.by_type(cls) if member.by_type else None for member in members]
        return True if True in results else None if None in results else False

    def test(value: Any) -> bool:
        # A predicate that raises must not hide a later alternative that matches.
        failure: Exception | None = None
        for member in members:
            try:
                if member.test(value):
                    return True
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return False

    return Matcher(
        by_type=by_type,
        test=test,
        inline=all(member.inline for member in members),
    )


def _compile_generic(pattern: Any) -> Matcher:
    """Compile `list[X]`, `dict[K, V]`, `tuple[X, ...]` or `Callable[...]`: the container, then its items."""
    origin = typing.get_origin(pattern)
    args = typing.get_args(pattern)
    outer = compile_pattern(origin)
    if not isinstance(origin, type) or not issubclass(origin, collections.abc.Collection):
        return outer  # callables and awaitables; testing the items of an iterator would consume it
    if issubclass(origin, collections.abc.Mapping):
        key, item = compile_pattern(args[0]), compile_pattern(args[1])

        def items_fit(value: Any) -> bool:
            return all(key.test(k) and item.test(v) for k, v in value.items())

    elif origin is tuple and ... not in args:
        each_of = [compile_pattern(arg) for arg in args]

        def items_fit(value: Any) -> bool:
            return len(value) == len(each_of) and all(p.test(v) for p, v in zip(each_of, value, strict=True))

    else:
        each = compile_pattern(args[0])

        def items_fit(value: Any) -> bool:
            return all(each.test(v) for v in value)

    return Matcher(
        by_type=lambda cls: None if outer.by_type is None or outer.by_type(cls) else False,
        test=lambda value: outer.test(value) and items_fit(value),
    )


def describe(pattern: Any) -> str:
    """Return the text of a pattern for an error message.

    >>> describe(str | None), describe(list[int]), describe(String)
    ('str | None', 'list[int]', 'String')
    """
    if pattern is None or pattern is types.NoneType:
        return "None"
    if isinstance(pattern, types.UnionType) or typing.get_origin(pattern) is typing.Union:
        return " | ".join(describe(member) for member in typing.get_args(pattern))
    if isinstance(pattern, type) and type(pattern).__repr__ is type.__repr__ and typing.get_origin(pattern) is None:
        return pattern.__name__
    return repr(pattern).replace("typing.", "").replace("collections.abc.", "")
