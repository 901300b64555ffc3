"""Labels: the name by which a rule appears in a rehearsal, and what the code of its handler uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zefnb.core.function import ZefFunction, name_of
from zefnb.core.rules import Rule
from zefnb.rehearsal.outside import outside_of
from zefnb.text.short_repr import short_repr

_LONGEST_PATTERN = 40


class Labels:
    """The labels of the rules of one behaviour."""

    def __init__(self, rules: Sequence[Rule], transform: Any = None) -> None:
        self._names: dict[int, str] = {}
        self._outside: dict[int, list[str]] = {}
        self._transform = transform
        for rule in rules:
            self._names.setdefault(id(rule.handler), _label(rule))

    def of(self, handler: ZefFunction | None) -> str | None:
        """Return the name of a handler, or the patterns of its rule if it has none."""
        if handler is None:
            return None
        label = self._names.get(id(handler))
        if label is None:
            label = self._names[id(handler)] = name_of(handler).rpartition("<locals>.")[2]
        return label

    def outside_of(self, handler: ZefFunction | None) -> list[str]:
        """Return what the code of a handler and of the input transform uses of the clock and the like."""
        found = self._outside.get(id(handler))
        if found is None:
            both = [outside_of(each) for each in (handler, self._transform) if each is not None]
            found = self._outside[id(handler)] = list(dict.fromkeys(name for names in both for name in names))
        return found


def _label(rule: Rule) -> str:
    name = name_of(rule.handler).rpartition("<locals>.")[2]
    if name != "<lambda>":
        return name
    return f"({_pattern(rule.message)}, {_pattern(rule.state)})"


def _pattern(given: Any) -> str:
    return short_repr(given, _LONGEST_PATTERN).removeprefix("typing.")
