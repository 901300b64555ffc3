"""The rehearsed connection: handles the messages of one connection, and compares each result with the recorded one."""

from __future__ import annotations

from typing import Any

from zefnb.core.codec.codec import QuickWriter
from zefnb.core.copy_rules import PLAIN
from zefnb.core.function import ZefFunction
from zefnb.core.snapshot import snapshot
from zefnb.recording.outcome import Outcome
from zefnb.recording.stored_outcome import StoredOutcome
from zefnb.recording.tape_format import has_not_stored, is_not_stored
from zefnb.rehearsal.comparison import differing
from zefnb.rehearsal.difference import Found
from zefnb.rehearsal.feed import Recorded
from zefnb.rehearsal.guard import Noted
from zefnb.rehearsal.labels import Labels
from zefnb.rehearsal.machine import RehearsedActor
from zefnb.rehearsal.notes import Notes, reason_of, reason_of_change
from zefnb.rehearsal.parts import MOST_PARTS, parts_of
from zefnb.rehearsal.uids import Uids


class RehearsedConnection:
    """One connection. After a result that is not certain it continues from the recorded state."""

    __slots__ = ("_actor", "_has_diverged", "_has_state", "_labels", "_noted", "_notes", "_writer", "uids")

    def __init__(self, actor: RehearsedActor, labels: Labels, noted: Noted, notes: Notes, writer: QuickWriter) -> None:
        self.uids = Uids()
        self._actor = actor
        self._labels = labels
        self._noted = noted
        self._notes = notes
        self._writer = writer
        # Whether the state of the rehearsal is certainly another one than the recorded state.
        self._has_diverged = False
        # A file may have no more than the text of the first state, which no handler is to receive.
        self._has_state = not has_not_stored(actor.state)

    def handle(self, recorded: Recorded, everything: bool) -> Found | None:
        """Handle a message. Returns the result if it differs, or if everything is wanted."""
        actor = self._actor
        index, ns, kind, channel_id, message, stored, _ = recorded
        self.uids.give(message)
        if not self._has_state or (type(message) not in PLAIN and has_not_stored(message)):
            self._skip(stored)
            return None
        self._noted.clear()
        before = actor.state
        now = actor.handle_message(message)
        handler = actor.handler
        what: tuple[str, ...] = ()
        reason = ""
        then = stored.compared(now, self._writer) if isinstance(stored, StoredOutcome) else stored
        if then is None:
            self._notes.without_outcome += 1
        else:
            self._notes.compared += 1
            if then is not now:
                what = differing(then, now, self.uids)
                if then is not stored and any(map(is_not_stored, (*then.effects, then.state))):
                    self._notes.by_text += 1
            if what:
                is_certain, what, reason = self._examined(message, handler, then, now, before, what)
                if not is_certain and not self._has_diverged and not has_not_stored(then.state):
                    actor.state = then.state
            if not reason:
                self._has_diverged = "state" in what
        if not what and not everything:
            return None
        rule = self._labels.of(handler)
        # Copies, since a handler may have returned an object that a later call changes.
        effects, state, error = copy = _copy(now)
        then = copy if then is now else then
        return index, ns, kind, channel_id, rule, message, snapshot(before), then, effects, state, error, what, reason

    def _skip(self, stored: Outcome | StoredOutcome | None) -> None:
        """Handle nothing, and continue from the recorded state, if there is one."""
        self._notes.only_text += 1
        then = stored.decoded() if isinstance(stored, StoredOutcome) else stored
        if then is not None:
            self._has_state = not has_not_stored(then.state)
            self._actor.state, self._has_diverged = then.state, False

    def _examined(
        self, message: Any, handler: ZefFunction | None, then: Outcome, now: Outcome, before: Any, what: tuple[str, ...]
    ) -> tuple[bool, tuple[str, ...], str]:
        """Find out whether a difference is certain. Returns this, what differs, and why it is not certain."""
        rule = self._labels.of(handler) or "no rule"
        if self._noted:
            reason = reason_of(self._noted)
            self._notes.unsure(rule, reason)
            return False, what, reason
        second = self._actor.repeat(message, before)
        uids = self.uids.empty()
        names = self._labels.outside_of(handler)
        if not differing(now, second, uids):
            if names:
                self._notes.may_explain(rule, names)
            return True, what, ""
        reason = reason_of_change(names)
        if self._is_otherwise_equal(then, now, second, uids):
            self._notes.otherwise_equal(rule, reason)
            return False, (), ""
        self._notes.unsure(rule, reason)
        return False, what, reason

    def _is_otherwise_equal(self, then: Outcome, now: Outcome, second: Outcome, uids: Uids) -> bool:
        """Whether only such parts differ from the recorded ones as also differ between two runs."""
        parts = parts_of(then, now, self.uids)
        changing = {part.path for part in parts_of(now, second, uids)}
        return len(parts) < MOST_PARTS and all(part.path in changing for part in parts)


def _copy(outcome: Outcome) -> Outcome:
    effects, state, error = outcome
    # Most handlers return one effect or none, which takes a third of the time of a tuple.
    copies = tuple(map(snapshot, effects)) if len(effects) < 2 else snapshot(effects)
    return Outcome(copies, snapshot(state), error)
