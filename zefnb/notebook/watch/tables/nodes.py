"""The table of the nodes of the cluster that this process has joined."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.table import Table

# Seconds: a node writes its row every two.
_OLD = 5.0


def _column(name: str, title: str, reads: str = "text", **how: Any) -> Column:
    return Column(name, title, reads, lambda row: row[name], **how)


class Nodes(Table[dict[str, Any]]):
    """The table of the nodes. Their rows are at the broker, and are read once a second while the table is visible."""

    noun = "node"
    empty = "this process has not joined a cluster"
    columns = (
        _column("name", "node", fixed=True, width=160, grow=3, keep=10),
        _column("host", "host", fixed=True, width=96, grow=1, keep=6, if_different=True),
        _column("pid", "pid", "id", fixed=True, width=60, keep=5),
        _column("since", "since", "time", fixed=True, width=66, keep=7),
        _column("last_seen", "last seen", "time", width=66, keep=8),
        _column("clients", "clients", "number", width=60, keep=9),
        _column("behind", "behind", "duration", width=66, keep=8, highlight_above=_OLD),
    )

    def rows(self, runtime: Runtime) -> Iterable[dict[str, Any]]:
        # Without this module this process has not joined a cluster.
        if "zefnb.cluster.cluster" not in sys.modules:
            return ()
        from zefnb.cluster.node_list import NodeList

        return runtime.service(NodeList).rows()

    async def load(self, runtime: Runtime) -> None:
        if "zefnb.cluster.cluster" in sys.modules:
            from zefnb.cluster.node_list import NodeList

            await runtime.service(NodeList).load()

    def key(self, row: dict[str, Any]) -> Hashable:
        return str(row["name"])

    def title(self, row: dict[str, Any]) -> str:
        return f"Node {row['name']}"


TABLE = Nodes()
