"""The difference: one message with what the handlers returned for it then and now; and a sequence of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, SupportsIndex, overload

from zefnb.core.time import Time, time_at
from zefnb.errors import FieldError, Hint, InvalidValue, shown
from zefnb.recording.outcome import Outcome
from zefnb.rehearsal.uids import Uids
from zefnb.text.short_repr import short_repr

# Connections, rules or kinds that an error names.
_MOST_NAMED = 10


class Difference(NamedTuple):
    """One message of a recording, with its outcomes.

    - `row`: the index of its row in the recording, or `None` for a message that no client sent.
    - `time`, `kind`, `channel_id` and `message`: as in the recording.
    - `rule`: the name of the handler, or the patterns of its rule if it has no name; `None` if no rule matched.
    - `before`: the state before the message, in the rehearsal.
    - `then`: the recorded outcome (`effects`, `state`, `error`), or `None` if there is none.
    - `now`: the outcome of the rehearsal.
    - `what`: the parts that differ: some of 'effects', 'state' and 'error'.
    - `reason`: why the difference is not certain; empty for one that is.
    """

    row: int | None
    time: Time
    kind: str
    channel_id: int | None
    rule: str | None
    message: Any
    before: Any
    then: Outcome | None
    now: Outcome
    what: tuple[str, ...]
    reason: str = ""


# The fields of a `Difference`, with its time in nanoseconds, and with the three of `now` in its place.
Found = tuple[Any, ...]


def _difference(found: Found) -> Difference:
    row, ns, kind, channel_id, rule, message, before, then, effects, state, error, what, reason = found
    now = Outcome(effects, state, error)
    return Difference(row, time_at(ns), kind, channel_id, rule, message, before, then, now, what, reason)


class FoundRows(Sequence[Difference]):
    """Differences that are made when they are wanted: there may be many, and few are shown."""

    def __init__(self, found: list[Found]) -> None:
        self._found = found

    @overload
    def __getitem__(self, index: SupportsIndex) -> Difference: ...
    @overload
    def __getitem__(self, index: slice) -> FoundRows: ...
    def __getitem__(self, index: Any) -> Any:
        found = self._found[index]
        return FoundRows(found) if isinstance(found, list) else _difference(found)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Difference]:
        return map(_difference, self._found)


class Differences(Sequence[Difference]):
    """The result of `FX.Rehearse`: the messages for which the rules return something else than was recorded.

    - `unsure`: those that may differ, since their handler depends on more than its message and its state.
    - `notes`: sentences about them, and about messages that were not compared.
    - `messages` and `connections`: how many were rehearsed.
    """

    def __init__(
        self,
        rows: Sequence[Difference] = (),
        unsure: Sequence[Difference] = (),
        notes: Sequence[str] = (),
        *,
        messages: int = 0,
        connections: int = 0,
        is_everything: bool = False,
        uids: dict[int | None, Uids] | None = None,
        rehearse_connection: Callable[[int | None], Differences] | None = None,
    ) -> None:
        self._rows = rows
        self._unsure = unsure
        self.notes = list(notes)
        self.messages = messages
        self.connections = connections
        # Whether equal results are among the rows, too.
        self.is_everything = is_everything
        self.uids = uids or {}
        self._rehearse_connection = rehearse_connection

    @property
    def unsure(self) -> Differences:
        """The messages that may differ, with a `reason` each."""
        return self._with(self._unsure, ())

    @property
    def certain(self) -> int:
        """The number of rows that differ for certain."""
        return sum(1 for row in self._rows if row.what and not row.reason) if self.is_everything else len(self._rows)

    def only(
        self,
        *,
        channel_id: int | None = None,
        rule: str | None = None,
        kind: str | None = None,
        what: str | None = None,
    ) -> Differences:
        """Return the rows of one connection, rule or kind, or those in which the effects, state or error differ.

        Raises:
            InvalidValue: There is no row of that connection, rule or kind at all.
        """
        wanted = {"channel_id": channel_id, "rule": rule, "kind": kind}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        rows = [*self._rows, *self._unsure]
        faults = [
            fault
            for name, value in wanted.items()
            for fault in faults_of(name, value, (getattr(row, name) for row in rows))
        ]
        if what not in (None, "effects", "state", "error"):
            faults.append(FieldError("what", f"got {shown(what)}", "'effects', 'state' or 'error'"))
        if faults:
            raise InvalidValue("only", faults)

        def fits(row: Difference) -> bool:
            return all(getattr(row, name) == value for name, value in wanted.items()) and (
                what is None or what in row.what
            )

        return self._with(tuple(filter(fits, self._rows)), tuple(filter(fits, self._unsure)))

    def connection(self, channel_id: int | None) -> Differences:
        """Return all messages of one connection in order, also the equal ones: a step through it, with its states.

        The connection is rehearsed again for this.

        Raises:
            InvalidValue: There is no such connection.
        """
        if self._rehearse_connection is None:
            return self.only(channel_id=channel_id)
        return self._rehearse_connection(channel_id)

    def _with(self, rows: Sequence[Difference], unsure: Sequence[Difference]) -> Differences:
        return Differences(
            rows,
            unsure,
            self.notes,
            messages=self.messages,
            connections=self.connections,
            is_everything=self.is_everything,
            uids=self.uids,
            rehearse_connection=self._rehearse_connection,
        )

    @overload
    def __getitem__(self, index: SupportsIndex) -> Difference: ...
    @overload
    def __getitem__(self, index: slice) -> Differences: ...
    def __getitem__(self, index: Any) -> Any:
        return self._with(self._rows[index], ()) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    @property
    def is_connection(self) -> bool:
        """Whether these are all messages of one connection."""
        return self.is_everything and self.connections <= 1 and bool(self._rows)

    @property
    def headline(self) -> str:
        """One sentence: how many messages differ.

        >>> Differences(messages=1200, connections=3).headline
        'no difference in 1,200 messages of 3 connections'
        """
        count = self.certain
        differ = "no difference" if not count else f"{count:,} difference{'' if count == 1 else 's'}"
        text = f"{differ} in {_number(self.messages, 'message')} of {_number(self.connections, 'connection')}"
        return f"{text}, and {len(self._unsure):,} that may differ" if self._unsure else text

    def __repr__(self) -> str:
        return f"<{self.headline}>"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def faults_of(name: str, value: Any, there: Iterable[Any]) -> list[FieldError]:
    """Return the fault of a value that is none of those that are there, unless there is none at all."""
    known = list(dict.fromkeys(there))
    if not known or value in known:
        return []
    named = ", ".join(map(short_repr, known[:_MOST_NAMED]))
    more = f" and {len(known) - _MOST_NAMED:,} more" if len(known) > _MOST_NAMED else ""
    return [FieldError(name, f"got {shown(value)}", named + more, _hint(value, known))]


def _hint(value: Any, known: list[Any]) -> str | Hint:
    return Hint(value, [each for each in known if isinstance(each, str)]) if isinstance(value, str) else ""
