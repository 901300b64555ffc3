"""Losses: messages that the broker had accepted and that this node cannot read any more.

The numbers of a node's messages show a gap. The last messages of a node have no later one that would show it, so that
after a trouble the numbers are compared with those that the nodes count. The node that has published the lost messages
names their topics.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import Any

from zefnb.cluster.connection import BrokerLost, Commands, ResponseError
from zefnb.cluster.entry_id import EntryId
from zefnb.cluster.log_reader import LogReader
from zefnb.cluster.membership import Row
from zefnb.cluster.nodes import Nodes
from zefnb.cluster.outgoing import Outgoing
from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.engine.runtime import Runtime
from zefnb.errors import ClusterUnavailable

# Seconds until a loss is reported without its topics.
_TOPICS_TIMEOUT = 4.0
_REPLY_POLL = 0.02
_EXPIRY = 30
# Seconds that a check waits until this node has read what the other nodes count.
_READ_TIMEOUT = 1.5
_POLL = 0.01
_MOST_TOPICS = 100

ReadRows = Callable[[], Awaitable[dict[str, Row]]]
NewestEntry = Callable[[], Awaitable[EntryId]]


class Losses:
    """The reports of this node."""

    def __init__(
        self,
        runtime: Runtime,
        cluster: str,
        incarnation: str,
        nodes: Nodes,
        reader: LogReader,
        outgoing: Outgoing,
        commands: Commands,
    ) -> None:
        self._runtime = runtime
        self._cluster = cluster
        self._incarnation = incarnation
        self._nodes = nodes
        self._reader = reader
        self._outgoing = outgoing
        self._commands = commands
        self._prefix = f"zefnb:{cluster}"
        # Heartbeats at which the numbers are still to be compared.
        self._checks = 0
        self._seen_reconnects = 0
        self._reports: set[asyncio.Task[None]] = set()

    def check_soon(self) -> None:
        """There was a trouble: compare the numbers at the next heartbeats."""
        self._checks = 3

    async def check(self, read_rows: ReadRows, newest_entry: NewestEntry) -> None:
        """Compare the numbers, if there was a trouble since the last time."""
        if self._reader.reconnects != self._seen_reconnects:
            self._seen_reconnects = self._reader.reconnects
            self.check_soon()
        if not self._checks:
            return
        rows = await read_rows()
        if not await self._has_read(await newest_entry()):
            return
        self._checks -= 1
        for incarnation, row in rows.items():
            self.compare(incarnation, row.get("accepted"))

    async def _has_read(self, entry: EntryId) -> bool:
        """Wait a moment until this node has read the entry."""
        for _ in range(round(_READ_TIMEOUT / _POLL)):
            if EntryId.of(self._reader.cursor) >= entry:
                return True
            await asyncio.sleep(_POLL)
        return False

    def compare(self, publisher: str, accepted: Any) -> None:
        """The broker has accepted this many messages of a node, and this node has read what is left of them."""
        last = self._reader.publishers.last(publisher)
        if type(accepted) is not int or last is None:
            return
        if count := self._reader.publishers.lost_tail(publisher, accepted):
            self.found(publisher, last + 1, count)

    def found(self, publisher: str, first: int, count: int) -> None:
        """Report lost messages, with their topics if their publisher replies in time."""
        if publisher == self._incarnation:
            self._write_topics(publisher, self._outgoing.topics_of(first, count))
            return
        task = self._runtime.spawn(self._report(publisher, first, count), "a report of lost messages")
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)
        self._checks = max(self._checks, 1)

    async def _report(self, publisher: str, first: int, count: int) -> None:
        reply_key = f"{self._prefix}:lost:{os.urandom(8).hex()}"
        value = {"node": publisher, "first": first, "count": count, "reply": reply_key}
        with contextlib.suppress(ClusterUnavailable):
            self._outgoing.announce("missing", value)
        end = self._runtime.loop.time() + _TOPICS_TIMEOUT
        while self._runtime.loop.time() < end:
            await asyncio.sleep(_REPLY_POLL)
            with contextlib.suppress(BrokerLost, ResponseError, Undecodable):
                if (reply := await self._commands.call("LPOP", reply_key)) is not None:
                    self._write_topics(publisher, dict(decode(reply)))
                    return
        self.write(publisher, "", count)

    def write(self, publisher: str, topic: str, count: int) -> None:
        """Report messages of one topic; with an empty name, it is not known."""
        named = f", of topic {topic[:100]!r}" if topic else "; their topics are not known"
        name = self._nodes.name(publisher)
        text = f"cluster {self._cluster!r}: {count:,} messages of {name} were lost before this node read them{named}"
        self._runtime.journal.note("error", text, key=("lost", publisher, count, topic))

    def _write_topics(self, publisher: str, topics: dict[Any, Any]) -> None:
        for topic, count in list(topics.items())[:_MOST_TOPICS]:
            self.write(publisher, str(topic), int(count))

    def requested(self, asker: str, value: Any) -> None:
        """Another node lacks messages: name their topics, if they are this node's.

        The reply is not in the log, where that node may have much to read before it.
        """
        reply_key = str(value["reply"])
        if value["node"] == self._incarnation and reply_key.startswith(f"{self._prefix}:lost:"):
            topics = self._outgoing.topics_of(int(value["first"]), int(value["count"]))
            self._runtime.spawn(self._reply(reply_key, encode(topics)), "the topics of lost messages")

    async def _reply(self, reply_key: str, reply: bytes) -> None:
        with contextlib.suppress(BrokerLost, ResponseError):
            await self._commands.call_all(("RPUSH", reply_key, reply), ("EXPIRE", reply_key, _EXPIRY))

    def tasks(self) -> list[asyncio.Task[Any]]:
        """The reports that wait for topics, to be cancelled."""
        return list(self._reports)
