"""The saved image of a picture: SVG without a script, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from zefnb.core.time import Time
from zefnb.notebook.picture.diagram import Diagram, Node
from zefnb.notebook.picture.layout import HEIGHT, WIDTH, Point, layout_of

# The characters that fit into a box: of the name, and of the second line.
_NAME, _LINE = 24, 29
_HEAD = 34
_COLOURS = {
    "server": "#0b7285",
    "path": "#1971c2",
    "topic": "#2b8a3e",
    "op": "#9c36b5",
    "actor": "#b35900",
    "outward": "#5f3dc4",
    "timer": "#5c6670",
    "replay": "#8a6100",
    "database": "#c2255c",
}
# The colours of the dark form are those of a page in a dark theme.
_STYLE = """<style>
.p{fill:#fff;stroke:#d8dee4}.b{fill:#f6f8fa;stroke:#c4ccd4}.n{font:600 12.5px system-ui,sans-serif;fill:#1f2328}
.l{font:11px system-ui,sans-serif;fill:#59636e}.f{font:600 11px system-ui,sans-serif;fill:#c2292f}
.e{fill:none;stroke:#7d8894;stroke-width:1.2}.part{stroke:#c4ccd4}.seen{stroke-dasharray:5 4}.h{fill:#7d8894}
@media(prefers-color-scheme:dark){.p{fill:#0d1117;stroke:#3d444d}.b{fill:#161b22;stroke:#3d444d}.n{fill:#e6edf3}
.l{fill:#9aa4af}.f{fill:#ff8182}.e{stroke:#7d8590}.part{stroke:#3d444d}.h{fill:#7d8590}}
</style>"""
_HEADS = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path class="h" d="M0 0L8 4L0 8z"/></marker></defs>'
)


def saved_svg(diagram: Diagram) -> str:
    """Return the diagram as an SVG image."""
    layout = layout_of(diagram) if diagram.nodes else None
    width = max(layout.width if layout is not None else 0, 360)
    height = (layout.height if layout is not None else 0) + _HEAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="Everything that runs">',
        _STYLE,
        _HEADS,
        f'<rect class="p" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="6"/>',
        f'<text class="l" x="16" y="22">{escape(_headline(diagram))}</text>',
    ]
    if layout is not None:
        parts.append(f'<g transform="translate(0 {_HEAD - 12})">')
        parts += [_arrow(points, edge.kind, edge.both) for edge, points in layout.arrows]
        parts += [_box(diagram.nodes[node], corner) for node, corner in layout.boxes.items()]
        parts.append("</g>")
    return "".join((*parts, "</svg>"))


def _headline(diagram: Diagram) -> str:
    what = "zefnb" if diagram.nodes else "zefnb · nothing runs"
    return f"{what} · as of {Time.now().to_datetime():%d %B %Y %H:%M:%S} UTC"


def _box(node: Node, corner: Point) -> str:
    x, y = corner
    colour = _COLOURS[node.kind]
    badge = f'<text class="f" x="{WIDTH - 8}" y="19" text-anchor="end">{escape(node.badge)}</text>'
    room = _NAME - len(node.badge)
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><title>{escape(f"{node.name}: {node.line}")}</title>'
        f'<rect class="b" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<rect x="0" y="6" width="3" height="{HEIGHT - 12}" fill="{colour}"/>'
        f'<text class="n" x="11" y="19">{escape(cut(node.name, room))}</text>{badge if node.badge else ""}'
        f'<text class="l" x="11" y="36">{escape(_cut_end(node.line, _LINE))}</text></g>'
    )


def cut(text: str, longest: int) -> str:
    """Return a name without its middle, if it is too long: its beginning and its end differ from those of others.

    >>> cut('/api/v1/measurements', 12)
    '/api/v…ments'
    """
    if len(text) <= longest:
        return text
    begin = longest // 2
    return f"{text[:begin]}…{text[len(text) - (longest - begin - 1) :]}"


def _cut_end(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _arrow(points: Sequence[Point], kind: str, both: bool) -> str:
    heads = ' marker-end="url(#a)"' if kind != "part" else ""
    heads += ' marker-start="url(#a)"' if both else ""
    (x, y), *rest = points
    path = f"M{x:.1f} {y:.1f}"
    for next_x, next_y in rest:
        middle = (x + next_x) / 2
        path += f"C{middle:.1f} {y:.1f} {middle:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    return f'<path class="e {kind}" d="{path}"{heads}/>'
