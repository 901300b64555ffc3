"""The rehearsal: handles all messages of a recording again, off the loop, and collects the differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zefnb.core.codec.codec import QuickWriter
from zefnb.core.entity import ET, Entity
from zefnb.core.uid import generate_uid
from zefnb.engine.behaviour import Rules
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidValue
from zefnb.rehearsal.connection import RehearsedConnection
from zefnb.rehearsal.difference import Differences, Found, FoundRows, faults_of
from zefnb.rehearsal.feed import Feed, Recorded
from zefnb.rehearsal.garbage import rarer_collections
from zefnb.rehearsal.guard import Noted, guarded
from zefnb.rehearsal.labels import Labels
from zefnb.rehearsal.machine import Awaiter, RehearsedActor, Stopped
from zefnb.rehearsal.notes import Notes
from zefnb.rehearsal.progress import Progress
from zefnb.rehearsal.uids import Uids


class Rehearsal:
    """Rules and a recording. `run` can be called again, and never on the loop, which runs `async def` handlers."""

    def __init__(self, runtime: Runtime, feed: Feed, behaviour: Rules, initial_state: Any) -> None:
        self._runtime = runtime
        self._feed = feed
        self._behaviour = behaviour
        self._initial_state = initial_state
        self._labels = Labels(behaviour.rules, behaviour.transform)
        self._awaiter = Awaiter(runtime.loop)

    def stop(self) -> None:
        """End `run` after the running handler. From any thread."""
        self._awaiter.stop()

    def run(self, *, everything: bool) -> Differences:
        """Rehearse all messages. Returns the differences, or with `everything` all results. Raises `Stopped`."""
        progress = Progress("rehearsing", self._feed.rows, "messages")
        try:
            return self._run(self._feed, progress, everything)
        finally:
            progress.end()

    def connection(self, channel_id: int | None) -> Differences:
        """Rehearse one connection. Returns all its results. Raises `InvalidValue` if the recording has others only."""
        progress = Progress("rehearsing", 1, "messages")
        there: dict[int | None, None] = {}
        messages = ((0, each) for each in self._feed.connection(channel_id, there))
        found = self._run(messages, progress, everything=True)
        if faults := faults_of("channel_id", channel_id, there):
            raise InvalidValue("connection", faults)
        return found

    def _run(self, messages: Iterable[tuple[int, Recorded]], progress: Progress, everything: bool) -> Differences:
        with rarer_collections(), guarded() as noted:
            collected = _Collected(self, noted)
            for number, recorded in messages:
                if self._awaiter.is_stopped:
                    raise Stopped
                collected.add(recorded, everything)
                progress.at(number)
        collected.notes.left_out = len(self._feed.left_out)
        if not collected.messages:
            collected.notes.other_paths = list(self._feed.other_paths)
        return Differences(
            FoundRows(collected.rows),
            FoundRows(collected.unsure),
            collected.notes.sentences(),
            messages=collected.messages,
            connections=collected.connections,
            is_everything=everything,
            uids=collected.uids,
            rehearse_connection=self.connection,
        )

    def started(self, recorded: Recorded, noted: Noted, notes: Notes, writer: QuickWriter) -> RehearsedConnection:
        """Return a connection whose first message is `recorded`."""
        topic = getattr(recorded.message, "topic_in", None) if isinstance(recorded.message, Entity) else None
        handle = ET.Actor(generate_uid(), input=topic if isinstance(topic, ET.Topic) else ET.Topic(generate_uid()))
        state = self._initial_state
        if recorded.connection is not None and recorded.kind != "connected":
            notes.late += 1
            state = recorded.connection.state
        actor = RehearsedActor(self._behaviour, state, handle, self._awaiter.result)
        return RehearsedConnection(actor, self._labels, noted, notes, writer)


class _Collected:
    """The results so far."""

    def __init__(self, rehearsal: Rehearsal, noted: Noted) -> None:
        self.rows: list[Found] = []
        self.unsure: list[Found] = []
        self.uids: dict[int | None, Uids] = {}
        self.notes = Notes()
        self.messages = self.connections = 0
        self._rehearsal = rehearsal
        self._noted = noted
        self._writer = QuickWriter()
        self._open: dict[int | None, RehearsedConnection] = {}

    def add(self, recorded: Recorded, everything: bool) -> None:
        """Handle a message, and keep its result if it differs, or if everything is kept."""
        channel_id = recorded.channel_id
        connection = self._open.get(channel_id)
        if connection is None or recorded.kind == "connected":
            connection = self._rehearsal.started(recorded, self._noted, self.notes, self._writer)
            self._open[channel_id] = connection
            self.connections += channel_id is not None
        row = connection.handle(recorded, everything)
        self.messages += 1
        if row is not None:
            self.uids[channel_id] = connection.uids
            if row[-1] and not everything:  # the reason why it is not certain
                self.unsure.append(row)
            else:
                self.rows.append(row)
        if recorded.kind == "disconnected":
            del self._open[channel_id]
