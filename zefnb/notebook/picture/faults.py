"""The errors of each box: the journal's entries, by the handles and the handlers that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zefnb.notebook.picture.diagram import Node

Entry = Mapping[str, Any]


class Faults:
    """Finds the box of an entry."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._by_uid: dict[str, Node] = {}
        self._by_handler: dict[tuple[str, str], Node] = {}
        for node in nodes:
            self._by_uid.update(dict.fromkeys(node.uids, node))
            for handler in node.handlers if node.place else ():
                self._by_handler.setdefault((node.place, handler), node)

    def node_of(self, entry: Entry) -> Node | None:
        """Return the box of an actor, an op, a client, a route or a server, the most exact that there is."""
        for name in ("actor", "client"):
            if (found := self._by_uid.get(_uid(entry.get(name)))) is not None:
                return found
        server = self._by_uid.get(_uid(entry.get("server")))
        if server is None:
            return None
        return self._by_handler.get((server.place, str(entry.get("handler"))), server)

    def count(self, entries: Iterable[Entry]) -> None:
        """Add the numbers of errors to the boxes."""
        for entry in entries:
            node = self.node_of(entry)
            if node is not None:
                node.faults += entry["count"]


def _uid(handle: Any) -> str:
    return str(getattr(handle, "_uid", ""))
