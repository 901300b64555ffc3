"""The differences of a rehearsal as a table, with filters and a step through one connection.

The HTML has no script: the filters are rules of its style sheet, so that they work in a saved notebook, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import count
from typing import Any

from zefnb.notebook.display import html
from zefnb.notebook.display.columns import moment_text
from zefnb.notebook.display.html import Markup, tag
from zefnb.notebook.display.marks import Cells, Line, cells_of, message_text, whole
from zefnb.notebook.display.terminal_text import terminal_text
from zefnb.rehearsal.difference import Difference, Differences
from zefnb.rehearsal.notes import joined
from zefnb.text.controls import strip_controls
from zefnb.text.short_repr import short_repr

_MOST_ROWS = 200
_MOST_ROWS_IN_TERMINAL = 40
_MOST_OPTIONS = 50
# Steps that are open at first: after a state that differs, all later ones differ, too.
_MOST_OPEN = 20
_LONGEST_STATE = 400
# JupyterLab would take arrow keys and letters for its own commands, which add and delete cells.
_OWN_KEYS = 'data-lm-suppress-shortcuts="true"'
_numbers = count(1)

_STYLE = """<style>
.zefnb.zefnb.zefnb .zr td { max-width: 32em; overflow-wrap: anywhere }
.zefnb .zr thead ~ tbody td:nth-child(2) { white-space: nowrap }
.zefnb .zr thead ~ tbody td:nth-child(4) { min-width: 12em }
.zefnb .zr thead ~ tbody td:nth-child(5) { min-width: 9em }
.zefnb .zr :is(ins, del) { text-decoration: none; border-radius: 2px; padding: 0 1px; color: inherit }
.zefnb .zr del { background: #c2292f33; box-shadow: inset 0 -2px var(--zb) }
.zefnb .zr ins { background: #1a7f3733; box-shadow: inset 0 -2px var(--zg) }
.zefnb .zr label { margin-right: 1em; color: var(--zd) }
.zefnb .zr select { font: inherit; color: var(--jp-ui-font-color1, var(--vscode-foreground, inherit));
  background: var(--jp-layout-color1, var(--vscode-editor-background, Canvas)); border: 1px solid var(--zl);
  border-radius: 3px; max-width: 20em }
.zefnb .zr :is(select, summary):focus-visible { outline: 2px solid var(--jp-brand-color1, #0969da) }
.zefnb .zr summary { cursor: pointer; padding: .15em 0; overflow-wrap: anywhere }
.zefnb .zr details { border-bottom: 1px solid var(--zl) }
.zefnb .zr details table { margin-left: 1.2em }
.zefnb .zr { container-type: inline-size }
@container (max-width: 36em) {
  .zefnb .zr thead { display: none }
  .zefnb .zr thead ~ tbody tr { display: block; border-bottom: 1px solid var(--zl); padding: .3em .5em }
  .zefnb.zefnb.zefnb .zr thead ~ tbody tr { text-align: left }
  .zefnb.zefnb.zefnb .zr thead ~ tbody td { display: block; max-width: none; padding: 0; border: 0; text-align: left }
  .zefnb.zefnb.zefnb .zr thead ~ tbody td:nth-child(-n + 4) { display: inline; padding-right: 1em }
  .zefnb .zr td:is(:nth-child(3), :nth-child(n + 5))::before { color: var(--zd) }
  .zefnb .zr td:nth-child(3)::before { content: "client " }
  .zefnb .zr td:nth-child(5)::before { content: "message " }
  .zefnb .zr td:nth-child(6)::before { content: "then" }
  .zefnb .zr td:nth-child(7)::before { content: "now" }
  .zefnb .zr td:nth-child(n + 6) > div { padding-left: 1em }
}
</style>"""


def as_html(found: Differences) -> str:
    """Return the HTML of differences: a table, or for the messages of one connection its steps."""
    parts: list[Any] = [tag("div", tag("b", found.headline)), *(tag("div", note, cls="d") for note in found.notes)]
    if found.is_connection:
        parts += _steps(found)
    else:
        parts += _table(found, found, "")
        if found.unsure:
            parts.append(tag("div", tag("b", "may differ")))
            parts += _table(found.unsure, found, "")
    return html.page(Markup(_STYLE), Markup(f'<div class="zr">{"".join(map(html.text, parts))}</div>'))


def _table(rows: Differences, found: Differences, more: str) -> list[Markup]:
    if not rows:
        return []
    shown = rows[:_MOST_ROWS]
    number = f"zr{next(_numbers)}-{id(rows) & 0xFFFF:x}"
    titles = ("row", "time", "client", "rule", "message", "then", "now")
    head = tag("tr", *(tag("th", title) for title in titles))
    body = Markup("".join(_row(row, found) for row in shown))
    parts = [_filters(number, shown), tag("table", tag("thead", head), tag("tbody", body))]
    if len(rows) > len(shown):
        parts.append(tag("div", _more(rows, shown), cls="d"))
    return [Markup(f'<div id="{number}">{"".join(parts)}</div>')]


def _more(rows: Differences, shown: Differences) -> str:
    """Return a sentence about the rows that are not shown, with the rules that they alone have."""
    text = f"… {len(rows) - len(shown):,} more; slice or filter them: only(channel_id=…)"
    seen = {row.rule for row in shown}
    others = list(dict.fromkeys(repr(row.rule) for row in rows if row.rule is not None and row.rule not in seen))
    return f"{text}, or only(rule=…) for {joined(others)}" if others else text


def _row(row: Difference, found: Differences) -> Markup:
    cells = cells_of(row, found.uids.get(row.channel_id))
    facts = (_number(row), moment_text(row.time), _client(row), row.rule or "no rule", message_text(row))
    columns = [tag("td", fact, cls="n" if place in (0, 2) else "") for place, fact in enumerate(facts)]
    columns += [tag("td", *_lines(cells.then, "del")), tag("td", *_lines(cells.now, "ins"))]
    data = "".join(f' data-{name}="{escape(value, quote=True)}"' for name, value in _filtered(row))
    return Markup(f"<tr{data}>{''.join(columns)}</tr>")


def _lines(lines: Sequence[Line], mark: str) -> list[Markup]:
    made = []
    for line in lines:
        spans = [tag(mark, span.text) if span.differs else html.text(span.text) for span in line.spans]
        path = [tag("span", line.path, cls="d"), " "] if line.path else []
        made.append(tag("div", *path, tag("code", *spans)))
    return made


def _number(row: Difference) -> str:
    return "–" if row.row is None else f"{row.row:,}"


def _client(row: Difference) -> str:
    return "–" if row.channel_id is None else str(row.channel_id)


def _filtered(row: Difference) -> tuple[tuple[str, str], ...]:
    return ("client", _client(row)), ("rule", strip_controls(row.rule or "no rule", 200)), ("kind", row.kind)


def _filters(number: str, rows: Iterable[Difference]) -> Markup:
    """Return the choices by which rows are hidden, and the rules that hide them."""
    values: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, value in _filtered(row):
            values.setdefault(name, {})[value] = None
    choices, rules = [], []
    for name, found in values.items():
        if len(found) < 2:
            continue
        options = ["<option>all</option>"]
        for place, value in enumerate(list(found)[:_MOST_OPTIONS]):
            options.append(f'<option class="o{place}">{escape(value)}</option>')
            chosen = f"#{number}:has([data-by={name}] .o{place}:checked)"
            quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("<", "\\3c ")
            rules.append(f'{chosen} tr[data-{name}]:not([data-{name}="{quoted}"]) {{ display: none }}')
        attributes = f'data-by="{name}" {_OWN_KEYS}'
        choices.append(f"<label>{name} <select {attributes}>{''.join(options)}</select></label>")
    return Markup(f"<style>{' '.join(rules)}</style><div>{''.join(choices)}</div>" if choices else "")


def _steps(found: Differences) -> list[Markup]:
    shown = found[:_MOST_ROWS]
    differing = [place for place, row in enumerate(shown) if row.what]
    is_open = set(differing[:_MOST_OPEN])
    parts = [_step(row, found, is_open=place in is_open) for place, row in enumerate(shown)]
    if len(found) > len(shown):
        parts.append(tag("div", f"… {len(found) - len(shown):,} more; slice them: [200:400]", cls="d"))
    return parts


def _step(row: Difference, found: Differences, *, is_open: bool) -> Markup:
    """Return one step, with the state before and after."""
    differs = [" ", tag("span", f"{' and '.join(row.what)} differ", cls="bad")] if row.what else []
    if row.reason:
        differs = [" ", tag("span", f"may differ: {row.rule} {row.reason}", cls="bad")]
    time = tag("span", f"{_number(row)} · {moment_text(row.time)}", cls="d")
    head = [time, " ", tag("code", message_text(row)), " → ", row.rule or "no rule", *differs]
    cells = cells_of(row, found.uids.get(row.channel_id)) if row.what else None
    lines = [("before", [tag("code", short_repr(row.before, _LONGEST_STATE))])]
    if cells is not None:
        lines += [("differs then", _lines(cells.then, "del")), ("differs now", _lines(cells.now, "ins"))]
    if row.then is not None:
        lines.append(("then", _lines(whole(row.then), "span")))
    lines.append(("now", _lines(whole(row.now), "span")))
    summary = f"<summary {_OWN_KEYS}>{''.join(map(html.text, head))}</summary>"
    rows = [tag("tr", tag("th", name), tag("td", *content)) for name, content in lines]
    return Markup(f"<details{' open' if is_open else ''}>{summary}{tag('table', *rows)}</details>")


def plain_text(found: Differences, *, colour: bool, width: int) -> str:
    """Return the differences as a table for a terminal, or as plain text without colour."""
    from rich.text import Text

    notes = [Text(strip_controls(note, 1_000), style="dim") for note in found.notes]
    tables = [_rich_table(rows, found, is_unsure=rows is not found) for rows in (found, found.unsure) if rows]
    return terminal_text(Text(found.headline, style="bold"), *notes, *tables, colour=colour, width=width)


def _rich_table(rows: Differences, found: Differences, *, is_unsure: bool) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", title="may differ" if is_unsure else None)
    titles = ("row", "client", "rule", "message", *(("before",) if found.is_connection else ()), "then", "now")
    for title in titles:
        table.add_column(title, overflow="fold", justify="right" if title in ("row", "client") else "left")
    for row in rows[:_MOST_ROWS_IN_TERMINAL]:
        cells: Cells = cells_of(row, found.uids.get(row.channel_id))
        facts = [_number(row), _client(row), row.rule or "no rule", message_text(row)]
        facts += [short_repr(row.before)] if found.is_connection else []
        table.add_row(
            *(Text(strip_controls(fact, 200)) for fact in facts),
            _rich_lines(cells.then, "bold red"),
            _rich_lines(cells.now, "bold green"),
        )
    if len(rows) > _MOST_ROWS_IN_TERMINAL:
        table.add_row(Text("…"), Text(""), Text(f"{len(rows) - _MOST_ROWS_IN_TERMINAL:,} more", style="dim"))
    return table


def _rich_lines(lines: Sequence[Line], style: str) -> Any:
    from rich.text import Text

    text = Text()
    for place, line in enumerate(lines):
        text.append("\n" if place else "")
        text.append(f"{line.path} " if line.path else "", style="dim")
        for span in line.spans:
            text.append(strip_controls(span.text, 500), style=style if span.differs else "")
    return text
