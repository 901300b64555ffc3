"""Notes: the sentences of a rehearsal about results that are not certain, and about messages that are not compared."""

from __future__ import annotations

from collections import Counter

from zefnb.rehearsal.guard import Noted
from zefnb.text.controls import strip_controls
from zefnb.text.uids import short_uids

_MOST_NAMES = 3
_LONGEST_PATH = 60


class Notes:
    """Counts what is to be noted, and makes one sentence for each handler and each reason."""

    def __init__(self) -> None:
        self._unsure: Counter[tuple[str, str]] = Counter()
        self._otherwise_equal: Counter[tuple[str, str]] = Counter()
        self._may_explain: Counter[tuple[str, str]] = Counter()
        self.late = 0
        self.without_outcome = 0
        self.by_text = 0
        self.only_text = 0
        self.compared = 0
        self.left_out = 0
        self.other_paths: list[str] = []

    def unsure(self, rule: str, reason: str) -> None:
        """Count a result that may differ."""
        self._unsure[rule, reason] += 1

    def otherwise_equal(self, rule: str, reason: str) -> None:
        """Count a result that is the same apart from the parts that differ from run to run."""
        self._otherwise_equal[rule, reason] += 1

    def may_explain(self, rule: str, names: list[str]) -> None:
        """Count a certain difference of a handler that uses the clock or the like."""
        self._may_explain[rule, joined(names)] += 1

    def sentences(self) -> list[str]:
        """Return the sentences."""
        found = []
        for rule, reason in dict.fromkeys((*self._unsure, *self._otherwise_equal)):
            unsure, equal = self._unsure[rule, reason], self._otherwise_equal[rule, reason]
            counts = [f"{_results(unsure)} may differ"] if unsure else []
            counts += [f"{_results(equal)} {'is' if equal == 1 else 'are'} equal apart from that"] if equal else []
            found.append(f"{rule} {reason}: {', and '.join(counts)}.")
        for (rule, names), count in self._may_explain.items():
            found.append(f"{rule} uses {names}, which may explain {_number(count, 'difference')}.")
        if self.without_outcome and not self.compared:
            found.append("Nothing is compared: the recording has no results of handlers. all=True shows those of now.")
        elif self.without_outcome:
            found.append(f"{_number(self.without_outcome, 'message')} cannot be compared: no result is recorded.")
        if self.only_text:
            messages = _number(self.only_text, "message")
            found.append(f"{messages} cannot be compared: a file cannot hold the message, or the state before it.")
        if self.by_text:
            verb = "has" if self.by_text == 1 else "have"
            found.append(f"{_results(self.by_text)} {verb} parts that a file cannot hold: their texts are compared.")
        if self.late:
            began = _number(self.late, "connection")
            found.append(f"{began} began before the recording: the first recorded state is used.")
        if self.left_out:
            found.append(f"{_number(self.left_out, 'connection')} of routes without an actor are left out.")
        if self.other_paths:
            paths = joined([strip_controls(path, _LONGEST_PATH) for path in self.other_paths])
            found.append(f"No connection is at this path: the recording has {paths}.")
        return found


def reason_of(noted: Noted) -> str:
    """Return what a call has used of the outside, as the end of a sentence about its handler."""
    if noted.performed:
        return f"runs {joined(list(noted.performed))} itself, and a rehearsal performs nothing"
    return f"reads {joined([repr(each) for each in noted.read])}, which may have changed since"


def reason_of_change(names: list[str]) -> str:
    """Return why a second call gave another result, from what the code of the handler uses."""
    if names:
        return f"uses {joined(names)}, and a second run gave another result"
    return "depends on more than its message and its state, since a second run gave another result"


def joined(names: list[str]) -> str:
    """Return names as a list in a sentence, of which the first few are named.

    >>> joined(['a', 'b', 'c'])
    'a, b and c'
    """
    shown = [short_uids(name) for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        return f"{', '.join(shown)} and {len(names) - _MOST_NAMES} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _results(count: int) -> str:
    return _number(count, "result")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
