"""HTML for the notebook, escaped and without scripts, in the colours of the light or dark theme.

The colours come from the variables of the front end (JupyterLab, VS Code), or else from the text of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from zefnb.text.controls import strip_controls
from zefnb.text.uids import short_uids

_LONGEST = 500

# The class is repeated three times, so that these rules override the page's rules for outputs.
_STYLE = """<style>
.zefnb {
  --zl: var(--jp-border-color2, var(--vscode-panel-border, #8884));
  --zd: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #767676));
  --zg: #1a7f37; --zb: #c2292f;
  font-family: var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif));
  font-size: var(--jp-ui-font-size1, 13px);
  line-height: 1.5;
  color: var(--jp-ui-font-color1, var(--vscode-foreground, inherit));
}
[data-jp-theme-light="false"] .zefnb, .vscode-dark .zefnb, .dark .zefnb { --zg: #4ac26b; --zb: #ff8182 }
.zefnb.zefnb.zefnb table { border-collapse: collapse; margin: .3em 0; color: inherit; font-size: inherit }
.zefnb.zefnb.zefnb :is(th, td) { text-align: left; padding: .2em .7em; border: 0; border-bottom: 1px solid var(--zl) }
.zefnb.zefnb.zefnb :is(th, td) { background: none; vertical-align: top }
.zefnb.zefnb.zefnb th { font-weight: 600; color: var(--zd); white-space: nowrap }
.zefnb.zefnb.zefnb :is(th, td).n { text-align: right; font-variant-numeric: tabular-nums }
.zefnb a { color: var(--jp-content-link-color, var(--vscode-textLink-foreground, #0969da)) }
.zefnb.zefnb.zefnb code { background: none; color: inherit; padding: 0 }
.zefnb.zefnb.zefnb code { font-family: var(--jp-code-font-family, var(--vscode-editor-font-family, monospace)) }
.zefnb .d { color: var(--zd) }
.zefnb .on { color: var(--zg) }
.zefnb .off, .zefnb .bad { color: var(--zb) }
</style>"""


class Markup(str):
    """HTML that is already safe."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Return a value as safe HTML: escaped, in one line, without control characters."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(short_uids(strip_controls(str(value), _LONGEST))))


def tag(name: str, *content: object, cls: str = "") -> Markup:
    """Return an element that contains `content`.

    >>> tag('b', '<script>')
    '<b>&lt;script&gt;</b>'
    """
    attribute = f' class="{cls}"' if cls else ""
    return Markup(f"<{name}{attribute}>{''.join(map(text, content))}</{name}>")


def block(content: str) -> Markup:
    """Return preformatted text of several lines."""
    return Markup(f"<pre>{escape(short_uids(content))}</pre>")


def link(url: str, shown: str | None = None) -> Markup:
    """Return a link that opens in a new tab. Only for urls that zefnb has made."""
    return Markup(f'<a href="{escape(url)}" target="_blank" rel="noopener">{text(shown or url)}</a>')


def address(url: str) -> Markup:
    """Return a url as a link, or as code to copy if it is a WebSocket's."""
    return tag("code", url) if url.startswith("ws") else link(url)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], numbers: frozenset[int] = frozenset()) -> Markup:
    """Return a table; the columns of `numbers` are aligned to the right."""

    def line(name: str, cells: Sequence[object]) -> Markup:
        return tag("tr", *(tag(name, cell, cls="n" if n in numbers else "") for n, cell in enumerate(cells)))

    return tag("table", tag("thead", line("th", titles)), tag("tbody", *(line("td", row) for row in rows)))


def page(*parts: object) -> str:
    """Return the HTML of a display: the style sheet and the parts."""
    return f'{_STYLE}<div class="zefnb">{"".join(map(text, parts))}</div>'
