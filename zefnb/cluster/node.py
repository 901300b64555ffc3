"""The local node, which one join makes. It connects the log with the hub, and has the other nodes.

Other services hook in here. `outgoing.announce(event, value)` sends an event to all nodes, in one order with the
messages, and `incoming.handlers[event]` receives it. `repliers` reply to the questions of other nodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine
from typing import Any

from zefnb.cluster.batch import EVENT, packed
from zefnb.cluster.broker_check import evicting, refusal
from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.client_rows import client_rows
from zefnb.cluster.connection import BrokerLost, Commands, ResponseError
from zefnb.cluster.databases import ClusterDatabases
from zefnb.cluster.entry_id import EntryId
from zefnb.cluster.homes import Homes
from zefnb.cluster.incoming import Incoming
from zefnb.cluster.lagging import LaggingActors
from zefnb.cluster.log_reader import LogReader
from zefnb.cluster.log_writer import LogWriter
from zefnb.cluster.losses import Losses
from zefnb.cluster.membership import Membership, Row
from zefnb.cluster.nodes import Nodes
from zefnb.cluster.outgoing import Outgoing
from zefnb.cluster.presence import ClusterPresence
from zefnb.cluster.private_broker import PrivateBroker
from zefnb.cluster.pushers import PausedPushers
from zefnb.cluster.queries import Replier, send_reply
from zefnb.cluster.send_queue import SendQueue
from zefnb.cluster.sharing import Receivers, SharedNames, Sharing
from zefnb.core.codec.codec import encode
from zefnb.core.time import Time
from zefnb.engine.runtime import Runtime
from zefnb.errors import ClusterUnavailable
from zefnb.topics.hub import Hub

# Together less than the time that a process takes at most to exit.
_FLUSH_TIMEOUT = 0.5


class LocalNode:
    """This process as a node of a cluster, from a join to the next leave."""

    def __init__(
        self, runtime: Runtime, url: BrokerUrl, name: str, names: SharedNames, private: PrivateBroker | None
    ) -> None:
        self._runtime = runtime
        self.url = url
        self.cluster = name
        self.private = private
        self.incarnation = os.urandom(8).hex()
        self.host = socket.gethostname()
        self.name = f"{self.host}-{os.getpid()}-{self.incarnation[:4]}"
        self.since = Time.now()
        self.nodes = Nodes()
        self.prefix = prefix = f"zefnb:{name}"
        self._log = f"{prefix}:log"
        self.commands = Commands(url)
        self._queue = SendQueue(next_number=2)  # the first message is that this node has joined
        loop = runtime.loop
        self._writer = LogWriter(loop, url, self._log, self.incarnation, self._queue, self._writer_changed)
        self._reader = LogReader(loop, url, self._log, "0-0")
        self.membership = Membership(self.commands, prefix, self.incarnation, self._row)
        self.sharing = Sharing(runtime, names, self._publish, lambda: self._queue.is_paused)
        self.homes = homes = Homes(runtime, self.incarnation, self.sharing, self.nodes)
        self.outgoing = Outgoing(runtime, self._queue, self._writer, self.sharing, homes)
        self._late_commands = Commands(url)
        self._lagging = LaggingActors(self._late_commands, self._log, self._reader, runtime.spawn)
        self.incoming = Incoming(
            runtime, self.incarnation, self.sharing, self.nodes, homes, self.outgoing, self._lagging
        )
        self._losses = Losses(runtime, name, self.incarnation, self.nodes, self._reader, self.outgoing, self.commands)
        self._pushers = PausedPushers(runtime, self.sharing, lambda: self._queue.is_paused)
        self.presence = ClusterPresence(runtime, self)
        self.databases = ClusterDatabases(runtime, self)
        self._tasks: list[asyncio.Task[Any]] = []
        # The dangers of the broker.
        self.warnings: list[str] = []

        # The replies to the questions of other nodes, by the name of the question.
        self.repliers: dict[str, Replier] = {"clients": lambda path: client_rows(runtime, path)}

    @property
    def place(self) -> str:
        """Where the broker is, for texts."""
        return "a private broker" if self.private is not None else str(self.url)

    async def begin(self) -> None:
        """Connect, and share the topics. Raises `ClusterUnavailable`."""
        try:
            await self.membership.begin()
            joined = packed(EVENT, "joined", encode({"name": self.name}))
            entry = await self.commands.call("XADD", self._log, "*", "p", self.incarnation, "q", 1, "b", joined)
            for incarnation, row in (await self.membership.rows()).items():
                self.nodes.joined(incarnation, row.get("name"))
            await self.databases.begin()
        except (BrokerLost, ResponseError) as error:
            raise ClusterUnavailable(refusal(self.url, error)) from None
        self._reader.cursor = entry.decode()
        await self.membership.write_row()
        self._reader.publishers.take(self.incarnation, 1, 1)
        self.warnings = [*self.url.warnings(), *await evicting(self.commands)]
        for warning in self.warnings:
            self._runtime.journal.note("warning", f"cluster {self.cluster!r}: {warning}", key=("cluster", warning[:20]))
        # Without a wait in between: an event that is read before it has a handler is lost.
        self._connect()
        self._runtime.service(Hub).share(self.sharing)
        self.presence.begin()

    def _connect(self) -> None:
        reader, membership = self._reader, self.membership
        reader.on_messages, reader.on_lost = self.incoming.take, self._losses.found
        reader.on_damaged, reader.on_entry = self.incoming.damaged, self.incoming.begin_lags
        self._lagging.deliver, self._lagging.on_lost = self.incoming.deliver_late, self._losses.write
        self.outgoing.on_pause = self._pushers.pause
        self.outgoing.unread.is_reading = lambda: not reader.problem
        reader.has_caused, self._writer.send_along = self.outgoing.may_send_soon, reader.send_along
        self._writer.on_many_bytes = membership.trim
        handlers = self.incoming.handlers
        handlers.update(joined=self._joined, left=self._left, ask=self._replies)
        handlers.update(missing=self._lost_by)
        membership.on_dead, membership.on_expired = self._dead, self._expired
        membership.on_epoch, membership.after_beat = self._new_epoch, self._after_beat
        self._start(self._writer.run(), "the writer of the cluster's log")
        self._start(reader.run(), "the reader of the cluster's log")
        self._start(membership.run(), "the heartbeat of the cluster")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(self._runtime.spawn(work, name))

    async def leave(self) -> None:
        """Send the waiting messages and that this node leaves, and end."""
        self._runtime.service(Hub).share(None)
        try:
            self.outgoing.announce("left", {"node": self.incarnation, "name": self.name, "at": str(Time.now())})
            await self.outgoing.flush(_FLUSH_TIMEOUT)
            async with asyncio.timeout(_FLUSH_TIMEOUT):
                await self.membership.end()
        except (ClusterUnavailable, BrokerLost, ResponseError, TimeoutError) as error:
            text = f"cluster {self.cluster!r}: left while the broker did not reply; {len(self._queue):,} messages lost"
            self._runtime.journal.note("warning", f"{text} ({type(error).__name__})", key="left without the broker")
        finally:
            await self.end()

    async def end(self) -> None:
        """Close the connections, and stop the private broker if this process was the last one."""
        self.outgoing.close()
        self.presence.end()
        self._pushers.close()
        tasks = [*self._tasks, *self._lagging.tasks(), *self._losses.tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.databases.end()
        await self.commands.close()
        await self._late_commands.close()
        if self.private is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.private.leave)

    def _publish(self, key: str, content: Any, cause: Any, sender: Any, receivers: Receivers) -> None:
        self.outgoing.publish(key, content, cause, sender, receivers)

    def _row(self) -> Row:
        return {
            "name": self.name,
            "host": self.host,
            "pid": os.getpid(),
            "since": str(self.since),
            "clients": self._pushers.count_clients(),
            "accepted": self._queue.accepted,
            "cursor": self._reader.cursor,
        }

    def _joined(self, incarnation: str, value: Any) -> None:
        self.nodes.joined(incarnation, value["name"])
        if incarnation != self.incarnation:
            self.presence.announce_all()

    def _left(self, publisher: str, value: Any) -> None:
        incarnation = str(value["node"])
        if incarnation == self.incarnation:
            if publisher != self.incarnation:
                self._expired()
            return
        self._losses.compare(incarnation, value.get("accepted"))
        at = Time(value["at"])
        if self.nodes.left(incarnation, value["name"], at):
            self.presence.node_left(incarnation, at)

    def _dead(self, incarnation: str, row: Row) -> bool:
        """This node leads, and has found a node that does not write its row."""
        left = {"node": incarnation, "name": str(row.get("name")), "at": str(Time.now())}
        try:
            self.outgoing.announce("left", {**left, "accepted": row.get("accepted")})
        except ClusterUnavailable:
            return False  # too much waits; the next beat finds it again
        return True

    def _expired(self) -> None:
        """The other nodes have read that this node has left: it was suspended, or the broker has lost its data."""
        with contextlib.suppress(ClusterUnavailable):  # too much waits; the next beat or reader finds it again
            self.outgoing.announce("joined", {"name": self.name})
        self.presence.announce_all()
        self._losses.check_soon()

    async def _new_epoch(self) -> None:
        text = f"cluster {self.cluster!r}: the broker has lost the log and begins a new one"
        self._runtime.journal.note("error", text, key="the broker has lost the log")
        self._lagging.restart()
        self._reader.restart()
        self.presence.announce_all()
        self._losses.check_soon()

    async def _after_beat(self) -> None:
        self.presence.catch_up()
        await self._losses.check(self.membership.rows, self.newest_entry)

    async def newest_entry(self) -> EntryId:
        """Return the id of the newest entry that the log still has."""
        found = await self.commands.call("XREVRANGE", self._log, "+", "-", "COUNT", 1)
        return EntryId.of(found[0][0].decode()) if found else EntryId(0, 0)

    def _lost_by(self, asker: str, value: Any) -> None:
        """Another node lacks messages."""
        self._losses.requested(asker, value)
        if value["node"] == self.incarnation:
            self.presence.announce_all()  # they may have been joins and leaves

    def _replies(self, publisher: str, value: Any) -> None:
        replier = self.repliers.get(value["question"])
        rows = replier(value["argument"]) if replier is not None else []
        self._runtime.spawn(send_reply(self, str(value["reply"]), rows), "a reply to a node of the cluster")

    def _writer_changed(self, problem: str) -> None:
        if problem:
            text = f"cluster {self.cluster!r}: the broker is not available, and messages wait: {problem}"
            self._runtime.journal.note("warning", text, key="the broker is not available", example=problem)
