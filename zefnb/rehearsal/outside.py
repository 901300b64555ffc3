"""The outside of a function: the clock, random numbers and global names that its code uses.

It is read from the code, without calling it, and explains why a second call gave another result.
"""

from __future__ import annotations

import dis
import functools
import random
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from zefnb.core.function import ZefFunction

# The names in these modules that give another value at each call.
_CHANGING = {
    "time": "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time localtime gmtime ctime",
    "datetime": "now utcnow today",
    "random": "*",
    "secrets": "*",
    "uuid": "uuid1 uuid4",
    "os": "urandom environ getenv",
    "numpy.random": "*",
    "zefnb.core.time": "now",
}
# Files change, `input` waits for a person, and the others give other values in each process.
_BUILTINS = {"open", "input", "hash", "id"}
_CLASSES = {"datetime", "date", "Time", "Random", "SystemRandom"}
_MOST_FUNCTIONS = 200
_LIBRARIES = tuple({str(Path(random.__file__).parent), sys.prefix})


def outside_of(function: Any) -> list[str]:
    """Return descriptions of what `function`, and the user's functions that it calls, use: `time.time()`.

    >>> import time
    >>> outside_of(lambda message, state: [[], time.time()])
    ['time.time()']
    >>> outside_of(lambda message, state: [[], open(message).read()])
    ['open()']
    """
    found: dict[str, None] = {}
    ahead: list[Any] = [function]
    seen: set[CodeType] = set()
    while ahead and len(seen) < _MOST_FUNCTIONS:
        plain = _plain(ahead.pop(0))
        if plain is None or plain.__code__ in seen or _is_library(plain.__code__):
            continue
        seen.add(plain.__code__)
        cells = dict(zip(plain.__code__.co_freevars, _cells_of(plain), strict=False))
        for code in _codes(plain.__code__):
            used = _Names(code)
            found.update({f"the global name {name}": None for name in used.written})
            for name in dict.fromkeys((*used.read, *code.co_freevars)):
                value = cells.get(name, plain.__globals__.get(name, sys.modules.get(name)))
                if value is None and name in _BUILTINS:
                    found[f"{name}()"] = None
                found.update(dict.fromkeys(_changing(name, value, used.attributes)))
                if isinstance(value, FunctionType | ZefFunction | functools.partial | MethodType):
                    ahead.append(value)
    return list(found)


def _plain(function: Any) -> FunctionType | None:
    while True:
        if isinstance(function, ZefFunction):
            function = function.function
        elif isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, MethodType):
            function = function.__func__
        else:
            return function if isinstance(function, FunctionType) else None


def _cells_of(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not set yet
            yield None


def _is_library(code: CodeType) -> bool:
    return code.co_filename.startswith(_LIBRARIES)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function and of those inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


class _Names:
    """The names in the code of a function: those that it reads or imports, those that it writes, and attributes."""

    def __init__(self, code: CodeType) -> None:
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.attributes: dict[str, None] = {}
        for instruction in dis.get_instructions(code):
            if instruction.opname in _NAMES:
                getattr(self, _NAMES[instruction.opname])[instruction.argval] = None


_NAMES = {
    "LOAD_GLOBAL": "read",
    "LOAD_NAME": "read",
    "IMPORT_NAME": "read",
    "STORE_GLOBAL": "written",
    "LOAD_ATTR": "attributes",
    "LOAD_METHOD": "attributes",
    "IMPORT_FROM": "attributes",
}


def _changing(name: str, value: Any, used: Collection[str]) -> Iterator[str]:
    """Yield the changing names that code uses of a global `value`: a module, a class of it, or one of its functions."""
    if isinstance(value, ModuleType):
        attributes: Any = vars(value)
        for submodule in ("random", "datetime"):
            inner = attributes.get(submodule) if submodule in used else None
            if isinstance(inner, ModuleType | type) and inner is not value:
                yield from (f"{name}.{text}" for text in _changing(submodule, inner, used))
        module = value.__name__
    elif isinstance(value, type) and value.__name__ in _CLASSES:
        attributes, module = {each: None for base in value.__mro__ for each in vars(base)}, value.__module__
    else:
        if isinstance(value, BuiltinFunctionType | MethodType | FunctionType) and _gives_other_values(value):
            yield f"{name}()"
        return
    changing = _CHANGING.get(module, "")
    for attribute in used:
        if attribute in attributes and (changing == "*" or attribute in changing.split()):
            yield f"{name}.{attribute}" if attribute == "environ" else f"{name}.{attribute}()"


def _gives_other_values(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, random.Random):
        return True
    changing = _CHANGING.get(function.__module__ or "", "") if not isinstance(owner, type) else ""
    return changing == "*" or function.__name__ in changing.split()
