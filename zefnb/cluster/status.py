"""The status of the local node, as plain values for displays."""

from __future__ import annotations

from typing import Any

from zefnb.cluster.node import LocalNode


def status(node: LocalNode) -> dict[str, Any]:
    """Return the names, the broker, the number of nodes, what is shared and waits, and the problem if there is one."""
    return {
        "name": node.cluster,
        "node": node.name,
        "broker": node.place,
        "nodes": node.nodes.count(),
        "shared": str(node.sharing.names),
        "waiting": node.outgoing.waiting,
        "problem": node.outgoing.problem,
    }
