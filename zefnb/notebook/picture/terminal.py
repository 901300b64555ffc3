"""The picture in a terminal: a tree, which is drawn again and again until Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group
from rich.text import Text
from rich.tree import Tree

from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import count_text
from zefnb.notebook.display.terminal_text import terminal_text
from zefnb.notebook.overview import on_loop
from zefnb.notebook.picture.diagram import Diagram, Edge, Node
from zefnb.notebook.picture.feed import INTERVAL, PictureFeed
from zefnb.notebook.picture.observed import Observed
from zefnb.notebook.watch.terminal import draw_until_ctrl_c

_COLOURS = {
    "server": "bold cyan",
    "path": "cyan",
    "topic": "green",
    "op": "magenta",
    "actor": "yellow",
    "outward": "blue",
    "timer": "white",
    "replay": "bright_yellow",
    "database": "red",
}
_ASCII_WIDTH = 100
# The lines of the headline and the prompt.
_AROUND = 3


def picture_in_terminal(runtime: Runtime, console: Console | None = None) -> None:
    """Draw the picture until Ctrl-C, or once if the output is not a terminal."""
    console = console or Console()
    feed = runtime.service(PictureFeed)

    def draw() -> Group:
        on_loop(runtime, feed.renew)
        return drawn(feed.diagram, console.size.height - _AROUND if console.is_terminal else None)

    release = on_loop(runtime, runtime.service(Observed).acquire)
    try:
        draw_until_ctrl_c(draw, console, INTERVAL)
    finally:
        on_loop(runtime, release)


def drawn(diagram: Diagram, most_lines: int | None = None) -> Group:
    """Return the diagram as trees, with at most that many boxes."""
    if not diagram.nodes:
        return Group(_headline(diagram), Text("nothing runs", "dim"))
    trees = _Trees(diagram, most_lines)
    more = [Text(f"… and {trees.left_out:,} more lines", "dim")] if trees.left_out else []
    return Group(_headline(diagram), *trees.roots, *more)


def plain_text(diagram: Diagram) -> str:
    """Return the diagram as text without colours, for a saved notebook."""
    return terminal_text(drawn(diagram), colour=False, width=_ASCII_WIDTH)


def _headline(diagram: Diagram) -> Text:
    kinds = [node.kind for node in diagram.nodes.values()]
    counts = [count_text(kinds.count(kind), kind) for kind in ("server", "topic", "actor") if kind in kinds]
    return Text.assemble(("zefnb", "bold"), *(f"  {count}" for count in counts))


class _Trees:
    """The boxes as trees. A box that occurs again has only its name."""

    def __init__(self, diagram: Diagram, most_lines: int | None) -> None:
        self._nodes = diagram.nodes
        self._most_lines = most_lines
        self._lines = self.left_out = 0
        self._seen: set[str] = set()
        self._out: dict[str, list[tuple[str, str]]] = {}
        entered = self._read(diagram.edges)
        self.roots: list[Tree] = []
        first = [node for node in diagram.nodes if node not in entered]
        for node in (*first, *diagram.nodes):
            if node not in self._seen:
                self._add_root(node)

    def _read(self, edges: Iterable[Edge]) -> set[str]:
        """Note the arrows of each box. Returns the boxes that an arrow leads to."""
        entered: set[str] = set()
        for source, target, kind, both in edges:
            arrow = "⇄" if both else {"part": "", "flow": "→", "seen": "⇢"}[kind]
            self._out.setdefault(source, []).append((arrow, target))
            entered.add(target)
            # The topics of a route are listed below it, also those that only come to it.
            if kind == "flow" and not both and self._nodes[target].kind == "path":
                self._out.setdefault(target, []).append(("←", source))
        return entered

    def _add_root(self, node: str) -> None:
        if self._is_full():
            self._seen.add(node)
            return
        tree = Tree(self._line("", node), guide_style="dim")
        self.roots.append(tree)
        self._grow(tree, node)

    def _grow(self, tree: Tree, node: str) -> None:
        self._seen.add(node)
        for arrow, other in self._out.get(node, ()):
            again = other in self._seen or arrow == "←"
            if self._is_full():
                if not again:
                    self._seen.add(other)
                continue
            branch = tree.add(self._line(arrow, other, again))
            if not again:
                self._grow(branch, other)

    def _is_full(self) -> bool:
        if self._most_lines is not None and self._lines >= self._most_lines:
            self.left_out += 1
            return True
        self._lines += 1
        return False

    def _line(self, arrow: str, key: str, again: bool = False) -> Text:
        node: Node = self._nodes[key]
        text = Text(f"{arrow} " if arrow else "", "dim", no_wrap=True, overflow="ellipsis")
        text.append(node.name, "dim" if again else _COLOURS[node.kind])
        if not again:
            text.append(f"  {node.line}", "dim")
            text.append(f"  {node.badge}" if node.badge else "", "bold red")
        return text
