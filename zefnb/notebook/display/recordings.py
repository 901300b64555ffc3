"""The display of a recording: its time span, its rows by topic and by client, and the last rows."""

from __future__ import annotations

from typing import Any, NamedTuple

from zefnb.errors import ZefError
from zefnb.notebook.display import html
from zefnb.notebook.display.columns import NOTHING, brief_repr, count_text, duration_text, moment_text, user_text
from zefnb.notebook.display.terminal_text import terminal_text
from zefnb.recording.recording import Recording
from zefnb.recording.source import Source
from zefnb.text.controls import strip_controls
from zefnb.text.uids import short_uids

NOTICE = "It contains what clients sent, without cookies and tokens."
_TITLES = ("time", "kind", "from", "user", "content")
_LAST_ROWS = 10
_MOST_SOURCES = 8
_WIDEST = 100


class Summary(NamedTuple):
    """The texts of a display."""

    head: str
    state: str
    facts: tuple[str, ...]
    # A heading, and lines of a name with the number of its rows.
    counts: tuple[tuple[str, list[tuple[str, str]]], ...]
    rows: list[tuple[str, ...]]


def summary(recording: Recording) -> Summary:
    """Return the texts for a recording. Those of a file that cannot be read are its error."""
    state = "recording" if recording.is_running else "stopped"
    head = f"Recording of {recording.title}"
    try:
        counts = recording.counts()
        rows = recording[-_LAST_ROWS:]
        length = len(recording)
    except ZefError as error:
        return Summary(head, state, (str(error),), (), [])
    facts = [count_text(length, "row")]
    if counts.first is not None and counts.last is not None:
        facts.append(f"{moment_text(counts.first)} to {moment_text(counts.last)}")
        facts.append(duration_text(max(0.0, counts.last - counts.first)))
    if recording.dropped:
        facts.append(f"{recording.dropped:,} older rows dropped")
    topics: dict[str, int] = {}
    clients: dict[str, int] = {}
    for source, count in counts.of_sources:
        if source.topic is not None:
            name = str(source.topic._uid)
            topics[name] = topics.get(name, 0) + count
        if source.channel_id is not None:
            clients[_client_text(source)] = clients.get(_client_text(source), 0) + count
    listed = tuple((title, _largest(found)) for title, found in (("topic", topics), ("client", clients)) if found)
    return Summary(head, state, tuple(facts), listed, [_row_texts(row) for row in rows])


def _client_text(source: Source) -> str:
    user = "" if source.user is None else f" {user_text(source.user)}"
    return f"{source.channel_id} at {source.path}{user}"


def _largest(counts: dict[str, int]) -> list[tuple[str, str]]:
    found = sorted(counts.items(), key=lambda each: -each[1])
    lines = [(name, f"{count:,}") for name, count in found[:_MOST_SOURCES]]
    rest = found[_MOST_SOURCES:]
    return [*lines, (f"{len(rest):,} more", f"{sum(count for _, count in rest):,}")] if rest else lines


def _row_texts(row: Any) -> tuple[str, ...]:
    if row.channel_id is None:
        origin = str(row.topic._uid) if row.topic is not None else NOTHING
    else:
        origin = f"{row.channel_id} at {row.path}"
    user = NOTHING if row.user is None else user_text(row.user)
    return moment_text(row.time), row.kind, origin, user, brief_repr(row.content)


def recording_html(recording: Recording) -> str:
    """Return a recording as HTML."""
    made = summary(recording)
    state = html.tag("span", made.state, cls="on" if recording.is_running else "off")
    head = html.tag("div", html.tag("b", made.head), " ", state, *(f" · {fact}" for fact in made.facts))
    tables = [html.table((title, "rows"), lines, frozenset({1})) for title, lines in made.counts]
    if made.rows:
        tables.append(html.table(_TITLES, made.rows))
    return html.page(html.tag("div", NOTICE, cls="d"), head, *tables)


def recording_text(recording: Recording, *, colour: bool, width: int) -> str:
    """Return a recording as text for a terminal of this width."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = summary(recording)
    parts: list[Any] = [
        Text(NOTICE, style="dim"),
        Text(_plain("  ".join((made.head, made.state, *made.facts)))),
    ]
    tables: list[tuple[tuple[str, ...], Any]] = [((title, "rows"), lines) for title, lines in made.counts]
    if made.rows:
        tables.append((_TITLES, made.rows))
    for titles, lines in tables:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=len(titles) > 2)
        for number, title in enumerate(titles):
            justify: Any = "right" if title == "rows" else "left"
            ratio = 1 if title == "content" else None
            style = "" if number else "cyan"
            least = max((len(line[number]) for line in lines), default=0) if len(titles) > 2 and ratio is None else None
            table.add_column(
                title, no_wrap=True, overflow="ellipsis", justify=justify, style=style, ratio=ratio, min_width=least
            )
        for line in lines:
            table.add_row(*(Text(_plain(cell)) for cell in line))
        parts.append(table)
    return terminal_text(*parts, colour=colour, width=width)


def _plain(text: str) -> str:
    return short_uids(strip_controls(text, 4 * _WIDEST))
