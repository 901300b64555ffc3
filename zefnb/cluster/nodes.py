"""Nodes: those that this node has read about in the log, with the time at which one has left."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from zefnb.core.time import Time
from zefnb.text.controls import strip_controls

_REMEMBERED = 10_000


@dataclass(slots=True)
class Node:
    """A node: its incarnation, which each join makes anew, and its name. `left` is `None` while it is joined."""

    incarnation: str
    name: str
    left: Time | None = None


class Nodes:
    """The known nodes, by incarnation."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, Node] = OrderedDict()

    def joined(self, incarnation: str, name: Any) -> bool:
        """Record that a node has joined. Returns false if it was joined already."""
        node = self._nodes.get(incarnation)
        if node is not None and node.left is None:
            return False
        self._nodes[incarnation] = Node(incarnation, strip_controls(str(name), 80))
        if len(self._nodes) > _REMEMBERED:
            self._nodes.popitem(last=False)
        return True

    def left(self, incarnation: str, name: Any, at: Time) -> bool:
        """Record that a node has left. Returns false if it had left already."""
        node = self._nodes.get(incarnation)
        if node is not None and node.left is not None:
            return False
        self._nodes[incarnation] = Node(incarnation, node.name if node else strip_controls(str(name), 80), at)
        return True

    def count(self) -> int:
        """Return the number of nodes that are joined, with this one."""
        return sum(node.left is None for node in self._nodes.values())

    def is_joined(self, incarnation: str) -> bool:
        """Whether a node is known, and has not left."""
        node = self._nodes.get(incarnation)
        return node is not None and node.left is None

    def name(self, incarnation: str) -> str:
        """Return the name of a node, for texts."""
        node = self._nodes.get(incarnation)
        return node.name if node is not None else f"the node {incarnation}"

    def get(self, incarnation: str) -> Node | None:
        """Return a node, if it is known."""
        return self._nodes.get(incarnation)
