"""The messages of the demo's chatroom: JSON text, `{"name": ..., "text": ...}` or `{"name": ..., "event": ...}`."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from rich.text import Text

from zefnb.notebook.display.text import remove_controls

Event = Literal["joined", "left"]

_LONGEST_NAME = 24
_COLOURS = ("red", "cyan", "bright_blue", "yellow", "green", "bright_magenta", "blue", "magenta", "bright_green")
_NAMES_WIDTH = 7


class Line(NamedTuple):
    """One line of the conversation. `event` is set if it reports that a client joined or left."""

    name: str
    text: str
    event: Event | None = None

    @property
    def is_event(self) -> bool:
        """Whether the line reports that a client joined or left."""
        return self.event is not None

    def encoded(self) -> str:
        """Return the line as JSON for the socket."""
        content = {"event": self.event} if self.event else {"text": self.text}
        return json.dumps({"name": self.name, **content}, ensure_ascii=False)

    def __rich__(self) -> Text:
        """Return the line for the terminal, without any markup from its text."""
        colour = _COLOURS[sum(map(ord, self.name)) % len(_COLOURS)]
        name = Text(self.name, style=f"bold {colour}")
        if self.is_event:
            return Text.assemble(name, f" has {self.event}" if self.event == "left" else f" {self.event}", style="dim")
        # The texts are aligned, except after a long name.
        return Text.assemble(name, " " * max(2, _NAMES_WIDTH - name.cell_len), self.text)


def read(message: Any) -> Line:
    """Return the line in a message of a client, which can send any content.

    >>> read('{"name": "Ada", "text": "hello"}')
    Line(name='Ada', text='hello', event=None)
    >>> read('just text')
    Line(name='unnamed', text='just text', event=None)
    """
    if not isinstance(message, str):
        return Line("unnamed", f"({len(message)} bytes)")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return Line("unnamed", remove_controls(message))
    name = remove_controls(str(fields.get("name", "")), _LONGEST_NAME).strip() or "unnamed"
    event = fields.get("event")
    if event in ("joined", "left"):
        return Line(name, "", event)
    return Line(name, remove_controls(str(fields.get("text", ""))))
