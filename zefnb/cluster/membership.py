"""Membership: the heartbeats of this node, and the nodes of the cluster.

Each node writes a row about itself into one hash every two seconds. One node, which holds a key with a short life,
reads all rows, announces in the log which nodes have not written for `LEASE` seconds, and trims the log. So the cost
of the other nodes does not grow with their number. All times are those of the broker.

While the broker is away no node can write. So the seconds count at the earliest from the time at which the node that
reads the rows could write its own again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
from collections.abc import Awaitable, Callable
from typing import Any

from zefnb.cluster.connection import BrokerLost, Commands, ResponseError

INTERVAL = 2.0
LEASE = 8.0
LEADER_LEASE = 5.0
# Seconds between two rows of this node, above which it, the broker or the broker's clock has been stopped or set.
_LONGEST_GAP = 4.0
# The log is trimmed to this size every two seconds, and by each node that has written 4 MiB: it has at most 64 MB.
RETENTION_BYTES = 48 << 20
RETENTION_SECONDS = 900
_MOST_ROW = 4_096
# Entries differ in size, so that the first trim may leave too much.
_MOST_TRIMS = 5

Row = dict[str, Any]


class Membership:
    """The rows of the nodes in the broker. `prefix` begins the names of all keys of the cluster."""

    def __init__(self, commands: Commands, prefix: str, incarnation: str, row: Callable[[], Row]) -> None:
        self._commands = commands
        self._log, self._nodes, self._leader = f"{prefix}:log", f"{prefix}:nodes", f"{prefix}:leader"
        self._incarnation = incarnation
        self._row = row
        self.epochs: frozenset[str] = frozenset()
        self.on_epoch: Callable[[], Awaitable[None]] | None = None
        # Returns false if it cannot announce that now.
        self.on_dead: Callable[[str, Row], bool] = lambda incarnation, row: True
        # This node's row was missing: the other nodes have read that it has left.
        self.on_expired: Callable[[], None] = lambda: None
        self.after_beat: Callable[[], Awaitable[None]] | None = None
        self.problem = ""
        # When this node has written its row last, and since when it has done so regularly.
        self._written = self._steady_since = 0.0

    async def begin(self) -> None:
        """Make the log if there is none, and write the first row."""
        self.epochs = await self._read_epochs()
        if not self.epochs:
            await self._make_epoch()
        await self.write_row()

    async def run(self) -> None:
        """Write the row until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self._beat()
                self.problem = ""
            except (BrokerLost, ResponseError) as error:
                self.problem = str(error)

    async def _beat(self) -> None:
        epochs = await self._read_epochs()
        # Nodes that join a new cluster at the same time make several groups. A new log has none of the old ones.
        is_new = not epochs or not self.epochs <= epochs
        if epochs:
            self.epochs = epochs
        else:
            await self._make_epoch()
        if is_new and self.on_epoch is not None:
            await self.on_epoch()
        if await self.write_row():
            self.on_expired()
        call = self._commands.call
        await call("SET", self._leader, self._incarnation, "NX", "PX", round(LEADER_LEASE * 1_000))
        if await call("GET", self._leader) == self._incarnation.encode():
            await call("PEXPIRE", self._leader, round(LEADER_LEASE * 1_000))
            await self._lead()
        if self.after_beat is not None:
            await self.after_beat()

    async def _read_epochs(self) -> frozenset[str]:
        """Return the names of the log's groups. They end with the stream, so that other names mean a new one."""
        try:
            groups = await self._commands.call("XINFO", "GROUPS", self._log)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return frozenset()
        return frozenset(
            dict(zip(group[::2], group[1::2], strict=False))[b"name"].decode("utf-8", "backslashreplace")
            for group in groups
        )

    async def _make_epoch(self) -> None:
        epoch = os.urandom(8).hex()
        await self._commands.call("XGROUP", "CREATE", self._log, epoch, "0", "MKSTREAM")
        self.epochs = await self._read_epochs()

    async def now(self) -> float:
        """The broker's time, in seconds."""
        seconds, microseconds = await self._commands.call("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def write_row(self) -> bool:
        """Write the row of this node. Returns whether it was missing."""
        now = await self.now()
        if abs(now - self._written) > _LONGEST_GAP:
            self._steady_since = now
        self._written = now
        row = {**self._row(), "seen": now}
        return bool(await self._commands.call("HSET", self._nodes, self._incarnation, json.dumps(row)))

    async def rows(self) -> dict[str, Row]:
        """Return the row of each node, by its incarnation."""
        found = await self._commands.call("HGETALL", self._nodes)
        rows = {}
        for name, text in zip(found[::2], found[1::2], strict=False):
            if (row := row_of(text)) is not None:
                rows[name.decode("ascii", "replace")] = row
        return rows

    async def _lead(self) -> None:
        now = await self.now()
        for incarnation, row in (await self.rows()).items():
            is_dead = now - max(row["seen"], self._steady_since) > LEASE and incarnation != self._incarnation
            if is_dead and self.on_dead(incarnation, row):
                await self._commands.call("HDEL", self._nodes, incarnation)
        await self._trim(now)

    async def _trim(self, now: float) -> None:
        oldest = f"{round((now - RETENTION_SECONDS) * 1_000)}-0"
        await self._commands.call("XTRIM", self._log, "MINID", "~", oldest)
        await self._trim_size()

    async def _trim_size(self) -> None:
        for _ in range(_MOST_TRIMS):
            # All entries count: a sample would be the oldest ones, which may be much smaller than the others.
            size = await self._commands.call("MEMORY", "USAGE", self._log, "SAMPLES", 0) or 0
            if size <= RETENTION_BYTES:
                return
            count = await self._commands.call("XLEN", self._log)
            await self._commands.call("XTRIM", self._log, "MAXLEN", "~", int(count * RETENTION_BYTES / size * 0.9))

    async def trim(self) -> None:
        """Trim the log to its size, if the broker can: this node has written much."""
        with contextlib.suppress(BrokerLost, ResponseError):  # the next beat trims it
            await self._trim_size()

    async def end(self) -> None:
        """Remove the row of this node."""
        await self._commands.call("HDEL", self._nodes, self._incarnation)


def row_of(text: bytes) -> Row | None:
    """Return the row of a node, which may come from anyone; nothing if it is not one."""
    try:
        row = json.loads(text[:_MOST_ROW])
        row["seen"] = seen = float(row["seen"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return row if isinstance(row, dict) and math.isfinite(seen) else None
