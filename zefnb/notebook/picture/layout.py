"""The layout of the saved image: columns from left to right in the direction of the arrows.

The live picture is laid out in the browser. A saved notebook needs an image before a browser has drawn one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from zefnb.notebook.picture.diagram import Diagram, Edge

WIDTH, HEIGHT = 188, 46
_COLUMN, _GAP = WIDTH + 56, 14
# The height of a place that an arrow needs in a column which it passes.
_LANE = 16
_MARGIN = 16
_BROADEST = 1_180
_SWEEPS = 6

Point = tuple[float, float]


class Layout(NamedTuple):
    """The upper left corner of each box, the points of each arrow, and the size of the image."""

    boxes: dict[str, Point]
    arrows: list[tuple[Edge, list[Point]]]
    width: float
    height: float


def layout_of(diagram: Diagram) -> Layout:
    """Return a layout in which no box overlaps another."""
    edges = diagram.edges
    groups = [_Group(nodes, edges) for nodes in _connected(list(diagram.nodes), edges)]
    corners, width, height = packed([(group.width, group.height) for group in groups], _BROADEST)
    boxes: dict[str, Point] = {}
    arrows: list[tuple[Edge, list[Point]]] = []
    for group, (left, top) in zip(groups, corners, strict=True):
        left, top = left + _MARGIN, top + _MARGIN
        boxes |= {node: (left + x, top + y) for node, (x, y) in group.corners().items()}
        arrows += [(edge, [(left + x, top + y) for x, y in points]) for edge, points in group.arrows()]
    return Layout(boxes, arrows, width + 2 * _MARGIN, height + 2 * _MARGIN)


def _connected(nodes: Sequence[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Return the groups of boxes that arrows connect, in the order of their first boxes."""
    near: dict[str, list[str]] = {node: [] for node in nodes}
    for edge in edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    groups: list[list[str]] = []
    seen: set[str] = set()
    for node in nodes:
        if node in seen:
            continue
        seen.add(node)
        group = [node]
        for each in group:  # it grows meanwhile
            fresh = [other for other in near[each] if other not in seen]
            seen.update(fresh)
            group += dict.fromkeys(fresh)
        groups.append(group)
    return groups


def packed(sizes: Sequence[Point], broadest: float) -> tuple[list[Point], float, float]:
    """Return a place for each rectangle, in rows of that width, and the size of the whole.

    >>> packed([(60.0, 20.0), (60.0, 30.0), (20.0, 10.0)], 100)
    ([(0.0, 0.0), (0.0, 34.0), (74.0, 34.0)], 94.0, 64.0)
    """
    corners: list[Point] = []
    x = y = row = width = 0.0
    for own_width, own_height in sizes:
        if x and x + own_width > broadest:
            x, y, row = 0.0, y + row + _GAP, 0.0
        corners.append((x, y))
        row, width = max(row, own_height), max(width, x + own_width)
        x += own_width + _GAP
    return corners, width, y + row


class _Group:
    """The columns of one group of connected boxes, and the lanes of arrows between them."""

    def __init__(self, nodes: Sequence[str], edges: Iterable[Edge]) -> None:
        inside = set(nodes)
        self._edges = [edge for edge in edges if edge.source in inside]
        self._column = _columns(nodes, self._edges)
        self._chains = {edge: self._chain(edge) for edge in self._edges}
        self._columns = self._ordered(nodes)
        self._y = self._heights()
        self.width = (len(self._columns) - 1) * _COLUMN + WIDTH
        self.height = max(self._y[item] + _height(item) for column in self._columns for item in column)

    def _chain(self, edge: Edge) -> list[str]:
        """Return the items of an arrow from left to right: its ends, and a lane in each column between them."""
        left, right = sorted((edge.source, edge.target), key=lambda node: self._column[node])
        between = range(self._column[left] + 1, self._column[right])
        lanes = [f"\0{edge.source}\0{edge.target}\0{column}" for column in between]
        self._column |= dict(zip(lanes, between, strict=True))
        return [left, *lanes, right]

    def _ordered(self, nodes: Sequence[str]) -> list[list[str]]:
        """Return the items of each column, near to those that they are connected with."""
        items = [*nodes, *(lane for chain in self._chains.values() for lane in chain[1:-1])]
        columns: list[list[str]] = [[] for _ in range(max(self._column.values()) + 1)]
        for item in items:
            columns[self._column[item]].append(item)
        self._before: dict[str, list[str]] = {item: [] for item in items}
        self._after: dict[str, list[str]] = {item: [] for item in items}
        for chain in self._chains.values():
            for left, right in pairwise(chain):
                self._after[left].append(right)
                self._before[right].append(left)
        for sweep in range(_SWEEPS):
            near = self._after if sweep % 2 else self._before
            for column in columns[::-1] if sweep % 2 else columns:
                at = {item: n for each in columns for n, item in enumerate(each)}
                means = {item: _mean([at[other] for other in near[item]], at[item]) for item in column}
                column.sort(key=means.__getitem__)
        return columns

    def _heights(self) -> dict[str, float]:
        """Return the top of each item: near the middle of those before it, without overlaps."""
        y: dict[str, float] = {}
        for column in self._columns:
            wanted = [_mean([y[other] + _height(other) / 2 for other in self._before[item] if other in y], 0)
                      - _height(item) / 2 for item in column]  # fmt: skip
            bottom, found = float("-inf"), []
            for item, top in zip(column, wanted, strict=True):
                found.append(max(top, bottom))
                bottom = found[-1] + _height(item) + _GAP
            # Pushed down by those above: all of them move up by the mean.
            shift = sum(top - want for top, want in zip(found, wanted, strict=True)) / len(column)
            y |= {item: top - shift for item, top in zip(column, found, strict=True)}
        first = min(y.values())
        return {item: top - first for item, top in y.items()}

    def corners(self) -> dict[str, Point]:
        """Return the upper left corner of each box."""
        return {
            item: (self._column[item] * _COLUMN, self._y[item])
            for column in self._columns
            for item in column
            if not item.startswith("\0")
        }

    def arrows(self) -> list[tuple[Edge, list[Point]]]:
        """Return the points of each arrow, from its source to its target."""
        drawn = []
        for edge, chain in self._chains.items():
            points: list[Point] = []
            for item in chain:
                x, y = self._column[item] * _COLUMN, self._y[item] + _height(item) / 2
                points += [(x, y), (x + WIDTH, y)]
            inner = points[1:-1] if len(chain) > 1 else points
            if self._column[chain[0]] == self._column[chain[-1]]:  # of the same column: around the right side
                x = self._column[chain[0]] * _COLUMN + WIDTH
                ys = [self._y[item] + _height(item) / 2 for item in chain]
                inner = [(x, ys[0]), (x + _GAP, ys[0]), (x + _GAP, ys[1]), (x, ys[1])]
            drawn.append((edge, inner if chain[0] == edge.source else inner[::-1]))
        return drawn


def _height(item: str) -> float:
    return _LANE if item.startswith("\0") else HEIGHT


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the column of each box: one after those that lead to it, without the arrows that close a circle."""
    out: dict[str, list[str]] = {node: [] for node in nodes}
    entered: set[str] = set()
    for edge in edges:
        out[edge.source].append(edge.target)
        entered.add(edge.target)
    state: dict[str, bool] = {}
    finished: list[str] = []
    forward: list[tuple[str, str]] = []
    for root in (*(node for node in nodes if node not in entered), *nodes):
        if root in state:
            continue
        state[root] = True
        path = [(root, iter(out[root]))]
        while path:
            node, others = path[-1]
            other = next(others, None)
            if other is None:
                state[node] = False
                finished.append(node)
                path.pop()
            elif other not in state:
                forward.append((node, other))
                state[other] = True
                path.append((other, iter(out[other])))
            elif not state[other]:
                forward.append((node, other))
    column = dict.fromkeys(nodes, 0)
    after: dict[str, list[str]] = {}
    for node, other in forward:
        after.setdefault(node, []).append(other)
    for node in reversed(finished):
        for other in after.get(node, ()):
            column[other] = max(column[other], column[node] + 1)
    return column
