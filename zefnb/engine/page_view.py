"""Page views: the pages of a server, shown under the cell that started it. Programs outside of notebooks show none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zefnb.engine.cells import current_notices


class PageView:
    """The pages of a server: the path and the title of each."""

    __slots__ = ("pages", "server")

    def __init__(self, server: Any, pages: Sequence[tuple[str, str]]) -> None:
        self.server, self.pages = server, tuple(pages)

    def show(self) -> None:
        """Show the pages under the running cell, in a notebook."""
        if _display is not None:
            _display(self)


_display: Callable[[PageView], None] | None = None


def set_display(display: Callable[[PageView], None] | None) -> None:
    """Set the function that shows pages; `None` for the default, which shows none."""
    global _display
    _display = display


def show_when_done(view: PageView) -> None:
    """Show `view` when the running effect is complete, in the thread of its caller."""
    notices = current_notices.get()
    if notices is not None:
        notices.append(view)
