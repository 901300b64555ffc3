"""Short reprs: the beginning of what `repr` returns, in time that does not grow with the value."""

from __future__ import annotations

import array
import collections
import contextvars
import functools
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from zefnb.text.controls import plain, shorten, strip_controls
from zefnb.text.own_repr import MOST_PARTS, is_small

LONGEST = 80
# Deeper levels do not help a reader, and each one nests another generator.
_DEEPEST = 20
# Converting an integer to text takes quadratic time.
_MOST_BITS = 4_096


class Scope(NamedTuple):
    """The limits for reading a value: `longest` characters, without the record fields in `hidden`.

    `inside` holds the identities of the values around the current one.
    """

    longest: int
    hidden: frozenset[str] = frozenset()
    inside: tuple[int, ...] = ()


Parts = Iterator[str]
Reader = Callable[[Any, Scope], Parts]


def short_repr(value: object, longest: int = LONGEST, hidden: frozenset[str] = frozenset()) -> str:
    """Return `repr(value)` in one line of at most `longest` characters (80 by default), control characters escaped.

    Strings, containers, exceptions, dataclasses and records are read only as far as the text needs. For a class
    with its own `__repr__`, that method is called, unless the object holds over 100,000 parts: its text would be
    written whole before it is cut. A value whose `__repr__` fails is shown as "<unprintable>".
    Record fields named in `hidden` are shown as "…". Raises only `KeyboardInterrupt`, in the main thread.

    >>> short_repr([1, 'two']), short_repr('a' * 1_000_000, longest=8)
    ("[1, 'two']", "'aaaaaa…")
    """
    parts: list[str] = []
    size = 0
    try:
        for part in parts_of(value, Scope(longest, hidden)):
            parts.append(part)
            size += len(part)
            if size > longest:
                break
    except BaseException as failure:
        _pass_on_interrupt(failure)
        # Another thread may change the value meanwhile, and a class may misreport its type.
        parts.append("…" if parts else "<unprintable>")
    return strip_controls("".join(parts), longest)


def short_str(value: object, longest: int) -> str:
    """Return at most `longest` characters of `str(value)`, with its lines unchanged.

    Raises only `KeyboardInterrupt`, in the main thread.

    >>> short_str(KeyError('a' * 1_000_000), longest=8), short_str(ValueError('no', 'way'), longest=80)
    ("'aaaaaa…", "('no', 'way')")
    """
    try:
        return _beginning(value, longest)
    except BaseException as failure:
        _pass_on_interrupt(failure)
        return f"<its __str__ raised {class_name(failure)}>"


def _beginning(value: object, longest: int) -> str:
    method = type(value).__str__
    if isinstance(value, str) and method is str.__str__:
        return shorten(plain(value, longest + 1), longest)
    if isinstance(value, BaseException) and method in (BaseException.__str__, KeyError.__str__):
        if len(value.args) != 1:
            return short_repr(value.args, longest) if value.args else ""
        if method is BaseException.__str__:
            return short_str(value.args[0], longest)
        return short_repr(value.args[0], longest)
    if isinstance(value, BaseExceptionGroup) and method is BaseExceptionGroup.__str__:
        count = len(value.exceptions)
        return f"{short_str(value.message, longest)} ({count:,} sub-exception{'' if count == 1 else 's'})"
    if isinstance(value, OSError) and method is OSError.__str__:
        return _system_error(value, longest)
    if method in (object.__str__, bytes.__str__, bytearray.__str__):
        return short_repr(value, longest)
    return shorten(plain(str(value), longest + 1), longest)


# A metaclass cannot override these.
_name_of = type.__dict__["__name__"].__get__
_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__
_LONGEST_NAME = 200


def class_name(value: object, qualified: bool = False) -> str:
    """Return the name of the class of `value`, also if its metaclass raises; `qualified` adds the module.

    >>> class_name(5), class_name(functools.partial(print), qualified=True)
    ('int', 'functools.partial')
    """
    kind = type(value)
    if not qualified:
        return strip_controls(_name_of(kind), _LONGEST_NAME)
    module = _module_of(kind)
    is_plain = not isinstance(module, str) or module in ("builtins", "__main__")
    return strip_controls(_qualname_of(kind) if is_plain else f"{module}.{_qualname_of(kind)}", _LONGEST_NAME)


def _system_error(error: OSError, longest: int) -> str:
    """Return what `OSError.__str__` does. Its parts can be any objects, of any size."""
    number, kind = (error.errno, "Errno")
    if (code := getattr(error, "winerror", None)) is not None:
        number, kind = code, "WinError"
    names = [name for name in (error.filename, error.filename2) if name is not None]
    if not names and (number is None or error.strerror is None):
        if len(error.args) > 1:
            return short_repr(error.args, longest)
        return short_str(error.args[0], longest) if error.args else ""
    text = f"[{kind} {short_str(number, longest)}] {short_str(error.strerror, longest)}"
    return shorten(f"{text}{': ' if names else ''}{' -> '.join(short_repr(name, longest) for name in names)}", longest)


def reads(method: object) -> Callable[[Reader], Reader]:
    """Register the decorated function as the reader of every class whose `__repr__` is `method`."""

    def register(reader: Reader) -> Reader:
        _READERS[method] = reader
        return reader

    return register


def parts_of(value: Any, scope: Scope) -> Parts:
    """Yield the parts of `repr(value)`, one after the other."""
    kind = type(value)
    reader = _READERS.get(kind.__repr__)
    if reader is None:
        reader = _reads_fields(kind)
    if reader is None:
        yield _own_repr(value, scope)
    elif id(value) in scope.inside or len(scope.inside) >= _DEEPEST:
        yield _CIRCLES.get(kind, "...")
    else:
        yield from reader(value, scope._replace(inside=(*scope.inside, id(value))))


def items(values: Iterable[Any], scope: Scope) -> Parts:
    """Yield the parts of values with commas between them."""
    # Copied first: another thread may change the container between two parts.
    for number, value in enumerate(list(islice(values, scope.longest))):
        if number:
            yield ", "
        if type(value) in _PLAIN:
            yield repr(value)
        else:
            yield from parts_of(value, scope)


def pairs(values: Iterable[tuple[Any, Any]], scope: Scope) -> Parts:
    """Yield the parts of a dict's items."""
    for number, (key, value) in enumerate(list(islice(values, scope.longest))):
        if number:
            yield ", "
        yield from parts_of(key, scope)
        yield ": "
        yield from parts_of(value, scope)


def named(values: Iterable[tuple[str, Any]], scope: Scope) -> Parts:
    """Yield the parts of fields such as `name='Ada'`."""
    for number, (name, value) in enumerate(list(islice(values, scope.longest))):
        yield f"{', ' if number else ''}{plain(name, scope.longest)}="
        yield from parts_of(value, scope)


def _own_repr(value: Any, scope: Scope) -> str:
    try:
        if not is_small(value):
            return f"<{class_name(value)} object with over {MOST_PARTS:,} parts>"
        return plain(repr(value), scope.longest + 1)
    except BaseException as failure:
        _pass_on_interrupt(failure)
        return "<unprintable>"


def _pass_on_interrupt(failure: BaseException) -> None:
    """Raise a `KeyboardInterrupt` in the main thread, where it may be Ctrl-C; elsewhere the value has raised it."""
    if issubclass(type(failure), KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        raise failure


_READERS: dict[object, Reader] = {}
# Types that need no generator.
_PLAIN = (bool, float, type(None))
_CIRCLES: dict[type, str] = {list: "[...]", tuple: "(...)", dict: "{...}", set: "{...}"}


@reads(str.__repr__)
def _str(value: str, scope: Scope) -> Parts:
    yield repr(plain(value, scope.longest + 1))


@reads(bytes.__repr__)
def _bytes(value: bytes, scope: Scope) -> Parts:
    yield repr(bytes.__getitem__(value, slice(scope.longest + 1)))


@reads(bytearray.__repr__)
def _bytearray(value: bytearray, scope: Scope) -> Parts:
    yield f"bytearray({bytes(memoryview(value)[: scope.longest + 1])!r})"


@reads(int.__repr__)
def _int(value: int, scope: Scope) -> Parts:
    bits = int.bit_length(value)
    yield int.__repr__(value) if bits <= _MOST_BITS else f"<an integer of {bits:,} bits>"


@reads(list.__repr__)
def _list(value: list[Any], scope: Scope) -> Parts:
    yield "["
    yield from items(list.__iter__(value), scope)
    yield "]"


@reads(tuple.__repr__)
def _tuple(value: tuple[Any, ...], scope: Scope) -> Parts:
    yield "("
    yield from items(tuple.__iter__(value), scope)
    yield ",)" if tuple.__len__(value) == 1 else ")"


@reads(dict.__repr__)
def _dict(value: dict[Any, Any], scope: Scope) -> Parts:
    yield "{"
    yield from pairs(dict.items(value), scope)
    yield "}"


@reads(set.__repr__)
@reads(frozenset.__repr__)
def _set(value: Any, scope: Scope) -> Parts:
    name = type(value).__name__
    if not value:
        yield f"{name}()"
        return
    yield "{" if type(value) is set else f"{name}({{"
    yield from items(value, scope)
    yield "}" if type(value) is set else "})"


@reads(collections.deque.__repr__)
def _deque(value: collections.deque[Any], scope: Scope) -> Parts:
    yield f"{type(value).__name__}(["
    yield from items(value, scope)
    yield "])" if value.maxlen is None else f"], maxlen={value.maxlen})"


@reads(collections.defaultdict.__repr__)
def _defaultdict(value: collections.defaultdict[Any, Any], scope: Scope) -> Parts:
    yield f"{type(value).__name__}("
    yield from parts_of(value.default_factory, scope)
    yield ", {"
    yield from pairs(dict.items(value), scope)
    yield "})"


@reads(collections.OrderedDict.__repr__)
@reads(collections.Counter.__repr__)
@reads(types.MappingProxyType.__repr__)
def _mapping(value: Any, scope: Scope) -> Parts:
    yield f"{type(value).__name__}({'{' if value else ''}"
    yield from pairs(value.items(), scope)
    yield "})" if value else ")"


@reads(type({}.keys()).__repr__)
@reads(type({}.values()).__repr__)
@reads(type({}.items()).__repr__)
def _view(value: Iterable[Any], scope: Scope) -> Parts:
    yield f"{type(value).__name__}(["
    yield from items(value, scope)
    yield "])"


@reads(collections.ChainMap.__repr__)
def _chain(value: collections.ChainMap[Any, Any], scope: Scope) -> Parts:
    yield f"{type(value).__name__}("
    yield from items(value.maps, scope)
    yield ")"


@reads(functools.partial.__repr__)
def _partial(value: functools.partial[Any], scope: Scope) -> Parts:
    kind = type(value)
    yield f"{'functools.partial' if kind is functools.partial else kind.__qualname__}("
    yield from items((value.func, *value.args[: scope.longest]), scope)
    if value.keywords:
        yield ", "
        yield from named(value.keywords.items(), scope)
    yield ")"


@reads(types.MethodType.__repr__)
def _method(value: types.MethodType, scope: Scope) -> Parts:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    yield f"<bound method {plain(name, scope.longest) if isinstance(name, str) else '?'} of "
    yield from parts_of(value.__self__, scope)
    yield ">"


@reads(slice.__repr__)
def _slice(value: slice, scope: Scope) -> Parts:
    yield "slice("
    yield from items((value.start, value.stop, value.step), scope)
    yield ")"


@reads(contextvars.ContextVar.__repr__)
def _variable(value: contextvars.ContextVar[Any], scope: Scope) -> Parts:
    # Only its own `__repr__` has access to its default, which can be any object.
    yield f"<ContextVar name={plain(value.name, scope.longest)!r} at {id(value):#x}>"


@reads(types.GenericAlias.__repr__)
def _alias(value: types.GenericAlias, scope: Scope) -> Parts:
    if all(isinstance(arg, type | types.GenericAlias | types.UnionType) or arg is ... for arg in value.__args__):
        yield _own_repr(value, scope)
        return
    yield f"{getattr(value.__origin__, '__qualname__', '?')}["
    yield from items(value.__args__, scope)
    yield "]"


@reads(collections.UserDict.__repr__)
@reads(collections.UserList.__repr__)
@reads(collections.UserString.__repr__)
def _wrapper(value: Any, scope: Scope) -> Parts:
    yield from parts_of(value.data, scope)


@reads(array.array.__repr__)
def _array(value: array.array[Any], scope: Scope) -> Parts:
    yield plain(repr(value[: scope.longest]), scope.longest + 1)


@reads(types.SimpleNamespace.__repr__)
def _namespace(value: Any, scope: Scope) -> Parts:
    yield "namespace("
    yield from named(vars(value).items(), scope)
    yield ")"


@reads(BaseException.__repr__)
def _exception(value: BaseException, scope: Scope) -> Parts:
    yield f"{type(value).__name__}("
    yield from items(value.args, scope)
    yield ")"


def _reads_fields(kind: Any) -> Reader | None:
    """Return the reader for a class whose `__repr__` the standard library generated."""
    method: Any = kind.__repr__
    if getattr(method, "__code__", None) is _NAMED_TUPLE:
        return _named_tuple
    generated = getattr(getattr(method, "__wrapped__", None), "__qualname__", "")
    return _dataclass if "__create_fn__" in generated and hasattr(kind, "__dataclass_fields__") else None


def _named_tuple(value: Any, scope: Scope) -> Parts:
    yield f"{type(value).__name__}("
    yield from named(zip(value._fields, tuple.__iter__(value), strict=False), scope)
    yield ")"


def _dataclass(value: Any, scope: Scope) -> Parts:
    from dataclasses import fields

    shown = [field.name for field in fields(value) if field.repr]
    yield f"{type(value).__qualname__}("
    yield from named(((name, getattr(value, name)) for name in shown), scope)
    yield ")"


_NAMED_TUPLE: Any = collections.namedtuple("_NAMED_TUPLE", "field").__repr__.__code__
