"""The cluster: joins this process to others, and passes messages of shared topics between the hub and the log."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.private_broker import PrivateBroker
from zefnb.cluster.sharing import SharedNames
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect, NotRunning, shown
from zefnb.net.extras import require

if TYPE_CHECKING:
    from zefnb.cluster.node import LocalNode

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Cluster:
    """A service of the runtime, used on the loop only: the cluster that this process has joined, if any."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._changing = asyncio.Lock()
        self.node: LocalNode | None = None

    @property
    def joined(self) -> LocalNode:
        """The joined node. Raises `NotRunning` if there is none."""
        if self.node is None:
            raise NotRunning("this process has not joined a cluster; FX.JoinCluster() | run joins one")
        return self.node

    async def join(self, broker: BrokerUrl | None, name: str, topics: Any) -> LocalNode:
        """Join a cluster, by default at a private broker. A process that has joined another one leaves it first."""
        if not _NAME.fullmatch(name):
            allowed = "1 to 40 letters, digits, - and _"
            raise InvalidEffect("FX.JoinCluster", [FieldError("name", f"got {shown(name)}", allowed)])
        names = SharedNames(topics)
        async with self._changing:
            make_node = await _in_thread(_imported)
            if self.node is not None:
                await self._leave(self.node)
            private = None
            if broker is None:
                private = PrivateBroker(name)
                await _in_thread(private.enter)
                broker = BrokerUrl(private.url)
            else:
                await _in_thread(broker.prepare)
            node: LocalNode = make_node(self._runtime, broker, name, names, private)
            try:
                await node.begin()
            except BaseException:
                await node.end()
                raise
            self.node = node
            return node

    async def leave(self) -> None:
        """Leave the cluster. Raises `NotRunning` if this process has not joined one."""
        async with self._changing:
            await self._leave(self.joined)

    async def _leave(self, node: LocalNode) -> None:
        self.node = None
        await node.leave()

    async def close(self) -> None:
        """Leave, since the runtime ends."""
        if self.node is not None:
            await self._leave(self.node)

    def forget_sockets(self) -> None:
        """In a forked child, which has not joined."""
        if self.node is not None and self.node.private is not None:
            self.node.private.forget()


def _imported() -> type[LocalNode]:
    """Import redis-py, which takes a second or more, so that the loop does not wait for it."""
    require("cluster", "redis", "hiredis")
    from zefnb.cluster.node import LocalNode

    return LocalNode


async def _in_thread(call: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, call)
