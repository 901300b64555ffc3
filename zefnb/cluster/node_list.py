"""The node list: the rows of all nodes, for displays that are drawn again and again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from zefnb.cluster.cluster import Cluster
from zefnb.engine.runtime import Runtime
from zefnb.errors import ClusterUnavailable

if TYPE_CHECKING:
    from zefnb.cluster.node import LocalNode

_INTERVAL = 1.0


class NodeList:
    """A service of the runtime, used on the loop only. Reads the rows once a second at most, and only while shown."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._node: LocalNode | None = None
        self._rows: list[dict[str, Any]] = []
        self._read_at = 0.0
        self._reading: asyncio.Task[Any] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows that were read last, and read them again if they are old."""
        if self._is_new_node() or time.monotonic() - self._read_at >= _INTERVAL:
            self._start()
        return self._rows

    async def load(self) -> None:
        """Read the rows now, for the first display."""
        self._is_new_node()
        self._start()
        if self._reading is not None:
            await asyncio.shield(self._reading)

    def _is_new_node(self) -> bool:
        node = self._runtime.service(Cluster).node
        if node is self._node:
            return False
        self._node, self._rows = node, []
        return True

    def _start(self) -> None:
        if self._node is not None and (self._reading is None or self._reading.done()):
            self._reading = self._runtime.spawn(self._read(self._node), "the list of nodes")

    async def _read(self, node: LocalNode) -> None:
        from zefnb.cluster.queries import node_rows

        try:
            rows = await node_rows(node)
        except ClusterUnavailable:
            return  # the rows stay, and one of their columns shows how old they are
        finally:
            self._read_at = time.monotonic()
        if node is self._node:
            self._rows = rows
