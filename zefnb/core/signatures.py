"""Signatures of functions, read without `inspect` where possible, since importing that takes 10 ms."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

# The flags of code objects with `*args` and with `**kwargs`, as in `inspect`.
_VARARGS, _VARKEYWORDS = 4, 8


def count_parameters(function: Callable[..., Any]) -> int:
    """Return the number of parameters of `function`.

    >>> count_parameters(lambda value, *more: value)
    2
    """
    if type(function) is FunctionType and not hasattr(function, "__wrapped__"):
        code = function.__code__
        rest = bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
        return code.co_argcount + code.co_kwonlyargcount + rest
    from inspect import signature

    return len(signature(function).parameters)


def options_of(function: Callable[..., Any], first: int) -> Any:
    """Return the signature of `function` from parameter `first` on, without the type of the result."""
    from inspect import signature

    full = signature(function)
    return full.replace(parameters=list(full.parameters.values())[first:], return_annotation=full.empty)


def is_routine(value: Any) -> bool:
    """Whether `value` is a function or a method, of Python or of C."""
    if not callable(value):
        return False
    from inspect import isroutine

    return isroutine(value)


def is_async(function: Any) -> bool:
    """Whether `function` is a coroutine function."""
    from inspect import iscoroutinefunction

    return iscoroutinefunction(function)
