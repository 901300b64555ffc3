"""The demo's screen in the terminal: the conversation above, the live table of clients below."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.rule import Rule
from rich.segment import Segment
from rich.text import Text

from zefnb.cli.chat import Line
from zefnb.notebook.display.tables import clients_table

_REMEMBERED = 500
_TABLE_FRAME = 4  # a blank line, the titles, a rule and a blank line


class Screen:
    """The whole terminal as one renderable, with as many lines of the conversation as fit.

    Another thread can append to `lines`. `clients` is the latest result of the query.
    """

    def __init__(self, url: str, notes: Sequence[str] = ()) -> None:
        self.url = url
        self.notes = notes
        self.lines: deque[Line] = deque(maxlen=_REMEMBERED)
        self.clients: list[dict[str, Any]] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        plain = options.update(height=None)
        top = [line for text in self._head() for line in console.render_lines(text, plain, pad=False)]
        limit = max(3, height // 2 - _TABLE_FRAME)
        table = clients_table(self.clients, width=width, limit=limit)
        count = len(self.clients)
        title = f"{count} client{'' if count == 1 else 's'} connected"
        bottom = console.render_lines(Rule(title, style="dim", align="left"), plain, pad=False)
        bottom += [line for line in console.render_lines(table, plain, pad=False) if _has_text(line)]
        room = max(0, height - len(top) - len(bottom))
        talk = self._talk(console, plain, room)
        blank: list[Segment] = []
        for line in (*top, *talk, *[blank] * (room - len(talk)), *bottom)[:height]:
            yield from line
            yield Segment.line()

    def _head(self) -> list[Text | Rule]:
        # Plain text and not a hyperlink, because every terminal makes a url in plain text clickable.
        link = Text.assemble(("zefnb demo", "bold"), "   open ", (self.url, "bold cyan underline"), "   Ctrl-C ends")
        notes = [Text(note, style="dim") for note in self.notes]
        return [link, *notes, Rule(style="dim")]

    def _talk(self, console: Console, options: ConsoleOptions, room: int) -> list[list[Segment]]:
        talk: list[list[Segment]] = []
        for line in reversed(self.lines.copy()):
            if len(talk) >= room:
                break
            talk = console.render_lines(line.__rich__(), options, pad=False) + talk
        return talk[len(talk) - room :] if len(talk) > room else talk


def _has_text(line: list[Segment]) -> bool:
    return any(segment.text.strip() for segment in line)
