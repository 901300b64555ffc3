"""The outcome in the file of a recording: it is decoded only where it is wanted, since most are only compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from zefnb.core.codec.codec import QuickWriter, decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.snapshot import snapshot
from zefnb.errors import InvalidValue
from zefnb.recording.outcome import Outcome

_NO_EFFECTS = encode(())


class LastState:
    """The last state that was decoded, which the next result often has, too."""

    __slots__ = ("_number", "_state")

    def __init__(self) -> None:
        self._number: Any = None
        self._state: Any = None

    def of(self, number: Any, stored: Any) -> Any:
        """Return the state of this number."""
        if stored is None:
            raise Undecodable("a state is missing")
        if number != self._number:
            self._state, self._number = decode(stored), number
        return self._state


class StoredOutcome(NamedTuple):
    """The result of a handler: `effects` and `state` are bytes, unless the file is damaged."""

    effects: Any
    state_number: Any
    state: Any
    error: str | None
    last_state: LastState
    damaged: Callable[[Exception], Exception]

    def decoded(self) -> Outcome:
        """Return the outcome. Raises `StorageFailed` if the file is damaged."""
        return self._outcome(None, None)

    def compared(self, now: Outcome, writer: QuickWriter) -> Outcome:
        """Return the outcome: `now` if it has the same bytes. Parts with the same bytes are copied, not decoded."""
        effects = _NO_EFFECTS if now.effects == () else writer.written(now.effects)
        has_effects = effects is not None and effects == self.effects
        state = writer.written(now.state)
        has_state = state is not None and state == self.state
        if has_effects and has_state and now.error == self.error:
            return now
        return self._outcome(now if has_effects else None, now if has_state else None)

    def _outcome(self, like_effects: Outcome | None, like_state: Outcome | None) -> Outcome:
        try:
            return Outcome(
                effects_of(self.effects) if like_effects is None else snapshot(like_effects.effects),
                self.last_state.of(self.state_number, self.state) if like_state is None else snapshot(like_state.state),
                self.error,
            )
        except (Undecodable, InvalidValue) as error:
            raise self.damaged(error) from None


def effects_of(stored: Any) -> tuple[Any, ...]:
    """Return the effects of these bytes. Raises `Undecodable` for anything else."""
    found = () if stored == _NO_EFFECTS else decode(stored)
    if type(found) is not tuple:
        raise Undecodable("the effects are not a tuple")
    return found


# The index of the row, the message if no client sent it, and the outcome as the tape has it.
StoredResult = tuple[int | None, Any, Outcome | StoredOutcome | None]
