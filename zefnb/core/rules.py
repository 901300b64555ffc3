"""Rules: patterns that select the handler for a message and a state. The first rule that matches wins.

The table is compiled once. It caches the matching rules for each pair of types, so that 300 rules are as fast as 3.
The result is always the same as testing the rules from the top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from zefnb.core.function import ZefFunction, as_handler
from zefnb.core.types import Matcher, compile_pattern
from zefnb.errors import FieldError, InvalidValue, shown

_REMEMBERED_TYPES = 1024

Test = Callable[[Any], bool]
Report = Callable[["Rule", BaseException], None]


class Rule(NamedTuple):
    """A pattern for the message, one for the state, and the handler for a pair that matches both."""

    message: Any
    state: Any
    handler: ZefFunction


class _Compiled(NamedTuple):
    rule: Rule
    message: Matcher
    state: Matcher


class _Candidate(NamedTuple):
    """A rule that may match a pair of types; a test is `None` where the type alone matches."""

    rule: Rule
    message: Test | None
    state: Test | None


class RuleTable:
    """Compiled rules.

    >>> table = RuleTable({(str, Any): lambda input: [[], input[1]]})
    >>> table.find('hi', None) is not None, table.find(5, None)
    (True, None)
    """

    def __init__(self, rules: Mapping[Any, Any] | Sequence[Any], report: Report | None = None) -> None:
        pairs = list(rules.items() if isinstance(rules, Mapping) else rules)
        # By the ids of the patterns, since many rules have the same state pattern. The rules hold the patterns.
        matchers: dict[int, Matcher] = {}
        self._compiled = [_compiled(pair, number, matchers) for number, pair in enumerate(pairs)]
        self._report = report
        self._reported: set[int] = set()
        self._by_types: dict[tuple[type, type], tuple[_Candidate, ...]] = {}

    @property
    def inline(self) -> bool:
        """Whether `find` calls only library code."""
        return all(entry.message.inline and entry.state.inline for entry in self._compiled)

    @property
    def rules(self) -> list[Rule]:
        """The rules in their order."""
        return [entry.rule for entry in self._compiled]

    @property
    def handlers(self) -> list[ZefFunction]:
        """The handlers, in the order of the rules."""
        return [entry.rule.handler for entry in self._compiled]

    def find(self, message: Any, state: Any) -> ZefFunction | None:
        """Return the handler of the first rule that matches, or `None`."""
        types = (type(message), type(state))
        candidates = self._by_types.get(types)
        if candidates is None:
            candidates = self._remember(types)
        for rule, wants_message, wants_state in candidates:
            if wants_message is None and wants_state is None:
                return rule.handler
            try:
                if (wants_message is None or wants_message(message)) and (wants_state is None or wants_state(state)):
                    return rule.handler
            except Exception as error:
                self._failed(rule, error)
        return None

    def _remember(self, types: tuple[type, type]) -> tuple[_Candidate, ...]:
        candidates: list[_Candidate] = []
        for rule, message, state in self._compiled:
            by_message = message.by_type(types[0]) if message.by_type else None
            by_state = state.by_type(types[1]) if state.by_type else None
            if by_message is False or by_state is False:
                continue
            candidates.append(_Candidate(rule, None if by_message else message.test, None if by_state else state.test))
            if by_message and by_state:
                break
        if len(self._by_types) >= _REMEMBERED_TYPES:
            self._by_types.clear()
        self._by_types[types] = tuple(candidates)
        return self._by_types[types]

    def _failed(self, rule: Rule, error: BaseException) -> None:
        """Report a predicate that raised, once for each rule; its rule does not match."""
        if self._report is not None and id(rule) not in self._reported:
            self._reported.add(id(rule))
            self._report(rule, error)


def _compiled(pair: Any, number: int, matchers: dict[int, Matcher]) -> _Compiled:
    subject, field = "rules", f"rules[{number}]"
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InvalidValue(subject, [FieldError(field, f"got {shown(pair)}", "((message, state), handler)")])
    key, given = pair
    if not isinstance(key, tuple) or len(key) != 2:
        hint = "Use Any for a state that does not matter"
        allowed = "a pair (message pattern, state pattern)"
        raise InvalidValue(subject, [FieldError(field, f"key {shown(key)}", allowed, hint)])
    message, state = key
    # The first test is quicker: it needs no text of the key.
    handler = given if isinstance(given, ZefFunction) else as_handler(given, subject, f"handler of {key!r}")
    return _Compiled(Rule(message, state, handler), _matcher(message, matchers), _matcher(state, matchers))


def _matcher(pattern: Any, matchers: dict[int, Matcher]) -> Matcher:
    """Return the matcher of a pattern, which is compiled once for all rules that have the same object."""
    found = matchers.get(id(pattern))
    if found is None:
        found = matchers[id(pattern)] = compile_pattern(pattern)
    return found
