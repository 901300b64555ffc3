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
from zefnb.notebook.display.columns import count_text
from zefnb.notebook.display.tables import clients_table

_REMEMBERED = 500
_TABLE_FRAME = 4  # a blank line, the titles, a rule and a blank line


class Screen:
    """The whole terminal as one renderable, with as many lines of the conversation as fit.

    Another thread can append to `lines`. `clients` is the latest result of the query, and `urls` has the
    pages of all nodes.
    """

    def __init__(self, urls: Sequence[str], notes: Sequence[str] = ()) -> None:
        self.urls = urls
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
        title = f"{count_text(count, 'client')} connected"
        if len(self.urls) > 1:
            title += f" to {len(self.urls)} nodes, which share the chatroom"
        bottom = console.render_lines(Rule(title, style="dim", align="left"), plain, pad=False)
        bottom += [line for line in console.render_lines(table, plain, pad=False) if _has_text(line)]
        most_lines = max(0, height - len(top) - len(bottom))
        chat = self._chat(console, plain, most_lines)
        blank: list[Segment] = []
        for line in (*top, *chat, *[blank] * (most_lines - len(chat)), *bottom)[:height]:
            yield from line
            yield Segment.line()

    def _head(self) -> list[Text | Rule]:
        # Plain text and not a hyperlink, because every terminal makes a url in plain text clickable.
        link = Text.assemble(("zefnb demo", "bold"), "   open ", *self._links(), "   Ctrl-C ends")
        notes = [Text(note, style="dim") for note in self.notes]
        return [link, *notes, Rule(style="dim")]

    def _links(self) -> list[Any]:
        separated: list[Any] = [part for url in self.urls for part in (" and ", (url, "bold cyan underline"))]
        return separated[1:]

    @property
    def addresses(self) -> str:
        """The urls as one text."""
        return " and ".join(self.urls)

    def _chat(self, console: Console, options: ConsoleOptions, most_lines: int) -> list[list[Segment]]:
        chat: list[list[Segment]] = []
        for line in reversed(self.lines.copy()):
            if len(chat) >= most_lines:
                break
            chat = console.render_lines(line.__rich__(), options, pad=False) + chat
        return chat[len(chat) - most_lines :] if len(chat) > most_lines else chat


def _has_text(line: list[Segment]) -> bool:
    return any(segment.text.strip() for segment in line)
