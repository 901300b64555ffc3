"""Lagging actors: those with a full mailbox. Each reads the log later, at its own pace; all others are not delayed.

The messages are not kept here: the log has them. An actor that lags until the log has been trimmed loses messages,
which are counted and reported.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from zefnb.cluster.batch import EVENT, Received
from zefnb.cluster.connection import BrokerLost, Commands, ResponseError
from zefnb.cluster.entry import Entry
from zefnb.cluster.entry_id import EntryId
from zefnb.cluster.log_reader import LogReader
from zefnb.cluster.publishers import Publishers
from zefnb.core.codec.scan import Undecodable
from zefnb.engine.actor import Actor
from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.topics.hub import Subscriber

_POLL = 0.005
_RETRY = 0.1
_MOST_ENTRIES = 32
# Of messages of this node that wait for a lagging actor: those whose cause is remembered.
_MOST_CAUSES = 10_000

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[Any]]
Deliver = Callable[[Actor, str, Received, Any], None]


class Lagging:
    """One actor, its position in the log, and the number of messages of each topic that it has yet to read."""

    def __init__(self, actor: Actor, cursor: EntryId, publishers: Publishers) -> None:
        self.actor = actor
        self.cursor = cursor
        self.publishers = publishers
        self.owed: Counter[tuple[str, str]] = Counter()
        # The first entry of each topic that it has yet to read: it may have subscribed meanwhile.
        self.since: dict[str, EntryId] = {}
        self.causes: dict[tuple[str, int], Any] = {}
        # How many entries it reads at once, and the last entry of the log before the present one.
        self.count = 1
        self.end = EntryId(0, 0)

    def owe(self, key: str, publisher: str, entry: EntryId) -> None:
        """Count a message that it has yet to read. `entry`: the last one before that of the message."""
        self.owed[key, publisher] += 1
        self.since.setdefault(key, entry)

    def is_due(self, key: str, publisher: str, entry: EntryId) -> bool:
        """Whether it reads a message now, which is then no longer counted."""
        if key not in self.since or entry <= self.since[key] or not self.owed[key, publisher]:
            return False
        self.owed[key, publisher] -= 1
        return True


class LaggingActors:
    """The lagging actors of a node. They share one connection."""

    def __init__(self, commands: Commands, key: str, reader: LogReader, spawn: Spawn) -> None:
        self._commands = commands
        self._key = key
        self._reader = reader
        self.actors: dict[Actor, Lagging] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._spawn = spawn
        self.deliver: Deliver = lambda actor, publisher, message, cause: None
        self.on_lost: Callable[[str, str, int], None] = lambda publisher, topic, count: None

    def without(
        self, receivers: tuple[Subscriber, ...], key: str, publisher: str, number: int, cause: Any
    ) -> tuple[Subscriber, ...]:
        """Return the subscribers that receive a message now; the others have yet to read it."""
        entry, left = EntryId.of(self._reader.cursor), []
        for receiver in receivers:
            lagging = self.actors.get(receiver) if isinstance(receiver, Actor) else None
            if lagging is None:
                left.append(receiver)
                continue
            lagging.owe(key, publisher, entry)
            if cause is not None and len(lagging.causes) < _MOST_CAUSES:
                lagging.causes[publisher, number] = cause
        return tuple(left)

    def begin(self, actor: Actor) -> None:
        """An actor's mailbox is full: it reads the entries after the present one later."""
        if actor in self.actors:
            return
        lagging = Lagging(actor, EntryId.of(self._reader.cursor), self._reader.publishers.copy())
        self.actors[actor] = lagging
        task = self._spawn(self._catch_up(lagging), "an actor that lags behind the cluster")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def restart(self) -> None:
        """There is a new log."""
        for lagging in self.actors.values():
            lagging.end = self._limit(lagging)
            lagging.cursor = EntryId(0, 0)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """The running tasks, to be cancelled."""
        return list(self._tasks)

    async def _catch_up(self, lagging: Lagging) -> None:
        actor = lagging.actor
        while not actor.ended:
            if actor.mailbox.is_full:
                await asyncio.sleep(_POLL)
            elif lagging.cursor >= self._limit(lagging) and not self._reader.is_within:
                break
            else:
                try:
                    await self._read(lagging)
                except (BrokerLost, ResponseError):
                    await asyncio.sleep(_RETRY)
        del self.actors[actor]
        for (topic, publisher), count in (+lagging.owed).items() if not actor.ended else ():
            self.on_lost(publisher, topic, count)

    def _limit(self, lagging: Lagging) -> EntryId:
        """The last entry that the node itself has read."""
        return max(EntryId.of(self._reader.cursor), lagging.end)

    async def _read(self, lagging: Lagging) -> None:
        """Read some entries, up to the last one that the node has read."""
        start, limit = lagging.cursor, self._limit(lagging)
        reply = await self._commands.call("XREAD", "COUNT", lagging.count, "STREAMS", self._key, str(start))
        for name, fields in reply[0][1] if reply else ():
            if lagging.cursor != start:  # `restart` was called meanwhile
                return
            entry = EntryId.of(name.decode())
            if entry > limit:
                break
            await self._take(lagging, entry, fields)
            lagging.cursor = start = entry
            if lagging.actor.mailbox.is_full:
                lagging.count = 1
                return
        else:
            lagging.count = min(lagging.count * 2, _MOST_ENTRIES)
            if reply:
                return
        # The log has no more entries up to the limit.
        if lagging.cursor == start:
            lagging.cursor = max(start, limit)

    async def _take(self, lagging: Lagging, entry_id: EntryId, fields: list[bytes]) -> None:
        try:
            entry = Entry.of(fields)
        except Undecodable:
            return  # the node has counted it
        publisher = entry.publisher
        repeated, _ = lagging.publishers.take(publisher, entry.first, len(entry.messages))
        deadline = time.monotonic() + ITERATION_BUDGET
        for number, message in enumerate(entry.messages[repeated:], entry.first + repeated):
            if message.kind == EVENT or not lagging.is_due(message.key, publisher, entry_id):
                continue
            self.deliver(lagging.actor, publisher, message, lagging.causes.pop((publisher, number), None))
            if time.monotonic() > deadline:
                await asyncio.sleep(0)
                deadline = time.monotonic() + ITERATION_BUDGET
