"""Headers of the outward handshake: given once, or returned by a function for each attempt."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zefnb.errors import FieldError
from zefnb.text.article import with_article
from zefnb.text.controls import strip_controls
from zefnb.text.secrets import hide_secrets
from zefnb.text.short_repr import class_name

Pairs = list[tuple[str, str]]

_ALLOWED = "a dict from names to values, text without line breaks, or a function that returns one"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
# Control characters, and halves of surrogate pairs, which have no UTF-8.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_LONGEST_REASON = 200


class HeadersFailed(Exception):
    """The function for the headers raised, or returned something else. The text holds no secrets."""


class Headers:
    """The headers of the handshake. If they are a function, `for_attempt` calls it for each attempt."""

    def __init__(self, given: Pairs | Callable[[], Any]) -> None:
        self._given = given

    async def for_attempt(self) -> Pairs:
        """The headers as pairs. Raises `HeadersFailed`."""
        if not callable(self._given):
            return self._given
        try:
            result = await _call(self._given)
        except Exception as error:
            text = strip_controls(hide_secrets(str(error)[:_LONGEST_REASON]))
            raise HeadersFailed(f"the function for `headers` raised {class_name(error)}: {text}") from error
        problem = _problem_of(result)
        if problem:
            raise HeadersFailed(f"the function for `headers` returned headers that cannot be sent: {problem}")
        return _as_pairs(result)


async def _call(function: Callable[[], Any]) -> Any:
    """Call a plain function in a thread, because it may fetch a token, and an async one on the loop."""
    if inspect.iscoroutinefunction(function):
        return await function()
    result = await asyncio.to_thread(function)
    return await result if inspect.isawaitable(result) else result


def check_headers(given: Any, faults: list[FieldError]) -> Headers:
    """The headers of the field `headers`. Adds mistakes to `faults`."""
    if given is None:
        return Headers([])
    if callable(given):
        _check_signature(given, faults)
        return Headers(given)
    problem = _problem_of(given)
    if problem:
        faults.append(FieldError("headers", problem, _ALLOWED))
        return Headers([])
    return Headers(_as_pairs(given))


def _check_signature(function: Callable[..., Any], faults: list[FieldError]) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        faults.append(FieldError("headers", f"the function cannot be called without arguments: {error}", _ALLOWED))
    except ValueError:
        # A builtin without a signature; a wrong one raises when it is called.
        return


def _problem_of(given: Any) -> str:
    """The mistake in headers, or an empty text. It never contains values, since these may be tokens."""
    pairs = given.items() if isinstance(given, Mapping) else given
    if not isinstance(given, Mapping | list | tuple):
        return f"got {with_article(type(given).__name__)}"
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return f"got {with_article(type(given).__name__)} with an item that is not a pair"
        name, value = pair
        if not isinstance(name, str) or not _TOKEN.match(name):
            return "a name is not valid for a header"
        if not isinstance(value, str) or _CONTROL.search(value):
            return f"the value of {name} cannot be sent"
    return ""


def _as_pairs(given: Mapping[str, str] | Sequence[tuple[str, str]]) -> Pairs:
    pairs = given.items() if isinstance(given, Mapping) else given
    return [(name, value) for name, value in pairs]
